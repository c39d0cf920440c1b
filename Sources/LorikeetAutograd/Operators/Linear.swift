// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

extension Tape {
  /// y = x W^T + b.
  ///
  /// - Parameters:
  ///   - x: `[rows, in]`.
  ///   - weight: `[out, in]`, in any stored type while it is frozen.
  ///   - bias: `[out]`.
  /// - Returns: `[rows, out]`.
  public func linear(_ x: Variable, _ weight: Parameter, bias: Parameter? = nil) -> Variable {
    let matrix = weight.matrix
    check(x, weight, matrix)
    return linear(x, weight, matrix, bias: bias) {
      matrix.multiply(x.value, bias: bias?.variable.value)
    }
  }

  /// `linear` of one x with several layers.
  package func linear(
    _ x: Variable, _ layers: [(weight: Parameter, bias: Parameter?)]
  ) -> [Variable] {
    let matrices = layers.map(\.weight.matrix)
    for (matrix, layer) in zip(matrices, layers) { check(x, layer.weight, matrix) }
    let values = WeightMatrix.multiply(
      x.value, by: layers.indices.map { (matrices[$0], layers[$0].bias?.variable.value) })
    return layers.indices.map { index in
      linear(x, layers[index].weight, matrices[index], bias: layers[index].bias) { values[index] }
    }
  }

  private func check(_ x: Variable, _ weight: Parameter, _ matrix: WeightMatrix) {
    precondition(
      x.shape.width == matrix.inputs, "linear \(weight.name): \(x.shape) by \(weight.shape)^T")
  }

  private func linear(
    _ x: Variable, _ weight: Parameter, _ matrix: WeightMatrix, bias: Parameter?,
    value: @escaping () -> Tensor
  ) -> Variable {
    if wantsValuesOnly { return Variable(value()) }
    let weightVariable = weight.isTrainable ? weight.variable : nil
    let biasVariable = bias?.isTrainable == true ? bias?.variable : nil
    let input = weightVariable == nil ? nil : x.later
    return output(
      Shape(x.shape.rows, matrix.outputs), from: [x, weightVariable, biasVariable],
      function: "linear", value: value
    ) { g in
      // y = x W^T + b: dx = g W, dW = g^T x, db = sum of rows of g
      if x.requiresGradient {
        x.updateGradient(whole: true) { dx, isFresh in
          if let dx { matrix.multiplyTransposed(g, into: dx, beta: isFresh ? 0 : 1) }
        }
      }
      if let weightVariable, let input {
        weightVariable.accumulate(Kernels.product(g, input(), transposeA: true))
      }
      biasVariable?.accumulate(Kernels.sumOfRows(g))
    }
  }
}

extension Tape {
  /// `linear` on constant patches `[rows, channels x size x size]` with the weight of a convolution,
  /// `[out, channels, size, size]`.
  public func patchLinear(_ patches: Tensor, _ weight: Parameter, bias: Parameter?) -> Variable {
    let kernel = weight.variable
    let outputs = weight.shape[0]
    let flat = kernel.value.reshaped([outputs, weight.shape.count / max(outputs, 1)])
    let y = WeightMatrix(flat).multiply(patches, bias: bias?.variable.value)
    let biasVariable = bias?.variable
    return output(y, from: [kernel, biasVariable]) { g in
      if kernel.requiresGradient {
        kernel.accumulate(Kernels.product(g, patches, transposeA: true))
      }
      biasVariable?.accumulate(Kernels.sumOfRows(g))
    }
  }
}
