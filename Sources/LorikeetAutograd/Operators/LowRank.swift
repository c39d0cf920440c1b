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
    // The rows that the term acts on, one after the other, so that each product is a single one.
    func gather(_ tensor: Tensor) -> Tensor {
      runs == [0..<tensor.rows]
        ? tensor : Kernels.gatherRows(runs.map { (tensor, $0) }, width: tensor.width)
    }
    func dropped(_ rows: Tensor) -> Tensor {
      guard let dropout, dropout.probability > 0 else { return rows }
      return Kernels.dropout(rows, probability: dropout.probability, key: dropout.key)
    }
    var result = y.takeValue()
    let hidden = Kernels.product(dropped(gather(input)), aValue, transposeB: true)  // [n, r]
    if runs == [0..<result.rows] {
      Kernels.product(hidden, bValue, transposeB: true, into: &result, alpha: scale, beta: 1)
    } else {
      let delta = Kernels.product(hidden, bValue, transposeB: true, alpha: scale)
      Kernels.scatterRows(delta, into: &result, runs: runs)
    }
    return output(result, from: [y, x, a, b]) { g in
      // y' = y + s (x A^T) B^T: dh = s g B, dB = s g^T h, dA = dh^T x, dx = dh A
      let part = gather(g)
      let dh = Kernels.product(part, bValue, alpha: scale)
      if b.requiresGradient {
        b.accumulate(Kernels.product(part, hidden, transposeA: true, alpha: scale))
      }
      if a.requiresGradient {
        a.accumulate(Kernels.product(dh, dropped(gather(input)), transposeA: true))
      }
      if x.requiresGradient {
        x.accumulate(dropped(Kernels.product(dh, aValue)), runs: runs)
      }
      y.accumulate(g)
    }
  }
}
