// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

extension Tape {
  /// RMSNorm: x / sqrt(mean(x^2) + epsilon) w, over the last axis (Zhang and Sennrich, 2019).
  ///
  /// - Parameters:
  ///   - x: `[rows, width]`; weight: `[width]`.
  ///   - offset: what is added to the weight.
  public func rmsNorm(
    _ x: Variable, weight: Variable, epsilon: Float, offset: Float = 0
  ) -> Variable {
    let input = x.value
    var w = weight.value
    if offset != 0 { Kernels.accumulate(Tensor(repeating: offset, w.shape), into: &w) }
    let (y, inverse) = Kernels.rmsNorm(input, weight: w, epsilon: epsilon)
    if wantsValuesOnly { return Variable(y) }
    let again = { [w] in Kernels.rmsNorm(input, weight: w, epsilon: epsilon).0 }
    return output(y, from: [x, weight], recompute: again) { [w] g in
      let gradients = Kernels.rmsNormBackward(
        g, x: input, weight: w, inverse: inverse, needsWeight: weight.requiresGradient)
      x.accumulate(gradients.x)
      if let gw = gradients.weight { weight.accumulate(gw) }
    }
  }

  /// LayerNorm: (x - mean) / sqrt(variance + epsilon) w + b, over the last axis (Ba et al., 2016).
  ///
  /// - Parameters:
  ///   - x: `[rows, width]`; weight and bias: `[width]`.
  public func layerNorm(_ x: Variable, weight: Variable, bias: Variable, epsilon: Float) -> Variable
  {
    let (input, w) = (x.value, weight.value)
    let (y, mean, inverse) = Kernels.layerNorm(
      input, weight: w, bias: bias.value, epsilon: epsilon)
    return output(y, from: [x, weight, bias]) { g in
      let gradients = Kernels.layerNormBackward(
        g, x: input, weight: w, mean: mean, inverse: inverse,
        needsWeight: weight.requiresGradient || bias.requiresGradient)
      x.accumulate(gradients.x)
      if let gw = gradients.weight { weight.accumulate(gw) }
      if let gb = gradients.bias { bias.accumulate(gb) }
    }
  }

  /// (x - mean) scale with constant mean and scale a column.
  ///
  /// - Parameters:
  ///   - x: `[rows, width]`; mean and scale: `[width]`.
  public func normalise(_ x: Variable, mean: Tensor, scale: Tensor) -> Variable {
    var shift = Kernels.multiply(mean, scale)
    Kernels.scale(&shift, by: -1)
    var y = Kernels.scaleColumns(x.value, by: scale)
    Kernels.addBias(shift, to: &y)
    return output(y, from: [x]) { g in
      x.accumulate(Kernels.scaleColumns(g, by: scale))
    }
  }
}
