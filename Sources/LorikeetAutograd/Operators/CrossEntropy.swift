// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

extension Tape {
  /// The weighted sum of -log softmax(hidden W^T)[target] over rows.
  ///
  /// Only rows with a target are given, so logits exist nowhere else, and only for a block of rows at
  /// a time.
  ///
  /// - Parameters:
  ///   - hidden: `[rows, width]`.
  ///   - head: `[vocabulary, width]`.
  ///   - targets: one index a row.
  ///   - weights: one factor a row; 1 / rows each gives the mean.
  ///   - softCap: the logits z become cap tanh(z / cap) before the softmax; nil for none.
  /// - Returns: the loss, a scalar, and the unweighted losses of the rows.
  public func linearCrossEntropy(
    _ hidden: Variable, head: Parameter, targets: [Int], weights: [Float],
    softCap: Float? = nil
  ) -> (loss: Variable, losses: [Float]) {
    let headVariable = head.isTrainable ? head.variable : nil
    let needed = needsGradient([hidden, headVariable])
    let result = Kernels.linearCrossEntropy(
      hidden.value, head: head.matrix, targets: targets, weights: weights,
      softCap: softCap, needsHidden: needed && hidden.requiresGradient,
      needsHead: needed && headVariable != nil)
    var total = 0.0
    for (loss, weight) in zip(result.losses, weights) { total += Double(loss) * Double(weight) }
    let loss = output(Tensor([Float(total)], []), from: [hidden, headVariable]) { g in
      let factor = g.scalar
      if var gradient = result.hidden {
        if factor != 1 { Kernels.scale(&gradient, by: factor) }
        hidden.accumulate(gradient)
      }
      if var gradient = result.head {
        if factor != 1 { Kernels.scale(&gradient, by: factor) }
        headVariable?.accumulate(gradient)
      }
    }
    return (loss, result.losses)
  }

  /// The weighted sum of -log softmax(logits)[target] over rows, `[rows, vocabulary]`, whose logits exist
  /// already; otherwise as `linearCrossEntropy`. The memory of the logits is used again.
  public func crossEntropy(
    _ logits: Variable, targets: [Int], weights: [Float], softCap: Float? = nil
  ) -> (loss: Variable, losses: [Float]) {
    var losses = [Float](repeating: 0, count: targets.count)[...]
    var gradient = logits.takeValue()
    Kernels.crossEntropy(
      &gradient, targets: targets[...], weights: weights[...], softCap: softCap,
      needsGradient: needsGradient([logits]), into: &losses)
    var total = 0.0
    for (loss, weight) in zip(losses, weights) { total += Double(loss) * Double(weight) }
    let loss = output(Tensor([Float(total)], []), from: [logits]) { g in
      Kernels.scale(&gradient, by: g.scalar)
      logits.accumulate(gradient)
    }
    return (loss, Array(losses))
  }
}
