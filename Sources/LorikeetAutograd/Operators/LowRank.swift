// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

extension Tape {
  /// y + scale B A dropout(x) on some rows, y elsewhere (Hu et al., "LoRA", 2021, eq. 3).
  ///
  /// The memory of y is used again for the result: y must not be read after this.
  ///
  /// - Parameters:
  ///   - y: `[rows, out]`, the output of the layer that is adapted.
  ///   - x: `[rows, in]`, its input.
  ///   - a: `[r, in]`; b: `[out, r]`.
  ///   - runs: the rows on which the term acts, ascending.
  public func addLowRank(
    to y: Variable, _ x: Variable, a: Variable, b: Variable, scale: Float, runs: [Range<Int>],
    dropout: DropoutMask? = nil
  ) -> Variable {
    let term = LowRankTerm(a: a.value, b: b.value, scale: scale, runs: runs, dropout: dropout)
    let input = x.later
    var hidden: Tensor?
    return output(y.shape, from: [y, x, a, b]) {
      var result = y.takeValue()
      hidden = term.add(to: &result, x.value)
      return result
    } backward: { g in
      let gradients = x.updateGradient(whole: term.coversAll(of: g.rows)) { dx, isFresh in
        term.backward(g, input(), hidden: hidden, inputGradient: dx, isFresh: isFresh)
      }
      a.accumulate(gradients.a)
      b.accumulate(gradients.b)
      y.accumulate(g)
    }
  }
}
