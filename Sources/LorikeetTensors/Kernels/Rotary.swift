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
  ///   - scale: what cosines and sines are multiplied by.
  public init(positions: [Int], frequencies: [Double], scale: Float = 1) {
    // The reference forms the angle in float32.
    self.init(rows: positions.count, pairs: frequencies.count, scale: scale) { row, pair in
      Float(positions[row]) * Float(frequencies[pair])
    }
  }

  /// - Parameters:
  ///   - scale: what cosines and sines are multiplied by.
  ///   - angle: the angle of a row's pair of channels, in radians.
  public init(rows: Int, pairs: Int, scale: Float = 1, angle: (Int, Int) -> Float) {
    var cosines = [Float]()
    var sines = [Float]()
    cosines.reserveCapacity(rows * pairs)
    sines.reserveCapacity(rows * pairs)
    for row in 0..<rows {
      for pair in 0..<pairs {
        let angle = Double(angle(row, pair))
        cosines.append(scale * Float(Kernels.cosine(angle)))
        sines.append(scale * Float(Kernels.sine(angle)))
      }
    }
    self.cosines = Tensor(cosines, [rows, pairs])
    self.sines = Tensor(sines, [rows, pairs])
  }

  private init(cosines: Tensor, sines: Tensor) {
    self.cosines = cosines
    self.sines = sines
  }

  public var rows: Int { cosines.rows }

  /// The angles of some runs of rows, laid end to end.
  package func rows(_ runs: [Range<Int>]) -> RotaryTable {
    func some(_ angles: Tensor) -> Tensor {
      Kernels.gatherRows(runs.map { (angles, $0) }, width: angles.width)
    }
    return RotaryTable(cosines: some(cosines), sines: some(sines))
  }
  /// The channels of a head that turn.
  public var headWidth: Int { cosines.width * 2 }
}

extension Kernels {
  /// Rotates every head of every row in place (Su et al., "RoFormer", 2021; channels i and
  /// i + table.headWidth / 2 form a pair, as in the Llama checkpoints). `inverse` rotates back.
  ///
  /// - Parameter headWidth: channels of a head; those beyond the table's stay as they are.
  package static func rotate(
    _ x: inout Tensor, by table: RotaryTable, headWidth: Int? = nil, inverse: Bool = false
  ) {
    let (rows, width, turning) = (x.rows, x.width, table.headWidth)
    let head = headWidth ?? turning
    precondition(
      table.rows == rows && width.isMultiple(of: head) && turning <= head,
      "rotate: \(table.rows) rows for \(x.shape)")
    x.withMutablePointer { x in
      table.cosines.withPointer { cosines in
        table.sines.withPointer { sines in
          let (x, c, s) = (SharedPointer(x), SharedPointer(cosines), SharedPointer(sines))
          parallelRows(rows, grain: rowGrain(width)) { range in
            let (i, first) = (range.lowerBound * width, range.lowerBound * turning / 2)
            let sign: Float = inverse ? -1 : 1
            if turning == head {
              lk_rotary(
                range.count, width / head, head, width, c.raw + first, s.raw + first, sign,
                x.raw + i)
            } else {
              for start in stride(from: 0, to: width, by: head) {
                lk_rotary(
                  range.count, 1, turning, width, c.raw + first, s.raw + first, sign,
                  x.raw + i + start)
              }
            }
          }
        }
      }
    }
  }
}
