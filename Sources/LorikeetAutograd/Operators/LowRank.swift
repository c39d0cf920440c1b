// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

/// Dropout on the input of a low-rank term: a probability and the key that its mask is drawn from.
public struct DropoutMask: Sendable, Equatable {
  public var probability: Float
  public var key: UInt64

  public init(probability: Float, key: UInt64) {
    self.probability = probability
    self.key = key
  }
}

extension Tape {
  /// y + scale B A dropout(x) on some rows, y elsewhere (Hu et al., "LoRA", 2021, eq. 3).
  ///
  /// The memory of y is used again for the result: y must not be read after this.
  ///
  /// - Parameters:
  ///   - y: `[rows, out]`, the output of the layer that is adapted.
  ///   - x: `[rows, in]`, its input.
  ///   - a: `[r, in]`; b: `[out, r]`; bias: `[out]`, added to the same rows, unscaled.
  ///   - runs: the rows on which the term acts, ascending.
  public func addLowRank(
    to y: Variable, _ x: Variable, a: Variable, b: Variable, scale: Float, runs: [Range<Int>],
    dropout: DropoutMask? = nil
  ) -> Variable {
    let rank = a.value.rows
    precondition(
      a.value.width == x.value.width && b.value.width == rank && b.value.rows == y.shape.width,
      "addLowRank: x \(x.shape), A \(a.shape), B \(b.shape), y \(y.shape)")
    let input = x.value
    let (aValue, bValue) = (a.value, b.value)
    // One input block and one hidden block [rows, r] a run.
    func block(_ index: Int) -> Tensor {
      let rows = input.rows(runs[index])
      guard let dropout, dropout.probability > 0 else { return rows }
      return Kernels.dropout(
        rows, probability: dropout.probability, key: dropout.key &+ UInt64(index))
    }
    var result = y.takeValue()
    var hidden: [Tensor] = []
    for (index, run) in runs.enumerated() where !run.isEmpty {
      let h = Kernels.product(block(index), aValue, transposeB: true)
      Kernels.product(h, bValue, transposeB: true, into: &result, rows: run, alpha: scale, beta: 1)
      hidden.append(h)
    }
    let used = runs.indices.filter { !runs[$0].isEmpty }
    return output(result, from: [y, x, a, b]) { g in
      // y' = y + s (x A^T) B^T: dh = s g B, dB = s g^T h, dA = dh^T x, dx = dh A
      for (index, h) in zip(used, hidden) {
        let run = runs[index]
        let part = g.rows(run)
        let dh = Kernels.product(part, bValue, alpha: scale)
        if b.requiresGradient {
          b.accumulate(Kernels.product(part, h, transposeA: true, alpha: scale))
        }
        if a.requiresGradient {
          a.accumulate(Kernels.product(dh, block(index), transposeA: true))
        }
        if x.requiresGradient {
          var dx = Kernels.product(dh, aValue)
          if let dropout, dropout.probability > 0 {
            dx = Kernels.dropout(
              dx, probability: dropout.probability, key: dropout.key &+ UInt64(index))
          }
          x.accumulate(dx, rows: run)
        }
      }
      y.accumulate(g)
    }
  }
}
