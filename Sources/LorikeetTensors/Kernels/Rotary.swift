// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

/// The cosines and sines by which rotary position embeddings turn each row.
public struct RotaryTable: Sendable {
  /// `[rows, headWidth / 2]`.
  package let cosines: Tensor
  package let sines: Tensor

  /// - Parameters:
  ///   - positions: the position of each row.
  ///   - frequencies: radians per position for each pair of channels, `headWidth / 2` of them.
  public init(positions: [Int], frequencies: [Double]) {
    var cosines = [Float]()
    var sines = [Float]()
    cosines.reserveCapacity(positions.count * frequencies.count)
    sines.reserveCapacity(positions.count * frequencies.count)
    for position in positions {
      for frequency in frequencies {
        // The reference forms the angle in float32.
        let angle = Double(Float(position) * Float(frequency))
        cosines.append(Float(Kernels.cosine(angle)))
        sines.append(Float(Kernels.sine(angle)))
      }
    }
    self.cosines = Tensor(cosines, [positions.count, frequencies.count])
    self.sines = Tensor(sines, [positions.count, frequencies.count])
  }

  public var rows: Int { cosines.rows }
  /// The width of a head, in channels.
  public var headWidth: Int { cosines.width * 2 }
}

extension Kernels {
  /// Rotates every head of every row in place (Su et al., "RoFormer", 2021; channels i and
  /// i + headWidth / 2 form a pair, as in the Llama checkpoints). `inverse` rotates back.
  package static func rotate(_ x: inout Tensor, by table: RotaryTable, inverse: Bool = false) {
    let (rows, width, head) = (x.rows, x.width, table.headWidth)
    precondition(
      table.rows == rows && width.isMultiple(of: head), "rotate: \(table.rows) rows for \(x.shape)")
    x.withMutablePointer { x in
      table.cosines.withPointer { cosines in
        table.sines.withPointer { sines in
          let (x, c, s) = (SharedPointer(x), SharedPointer(cosines), SharedPointer(sines))
          parallelRows(rows, grain: rowGrain(width)) { range in
            let (i, first) = (range.lowerBound * width, range.lowerBound * head / 2)
            lk_rotary(
              range.count, width / head, head, width, c.raw + first, s.raw + first,
              inverse ? -1 : 1, x.raw + i)
          }
        }
      }
    }
  }
}
