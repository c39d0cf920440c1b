// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
internal import LorikeetTensors

/// Root-mean-square normalisation with a learned scale.
public struct RMSNorm {
  public let weight: Parameter
  public let epsilon: Float

  public init(_ scope: LayerScope, width: Int, epsilon: Float) {
    weight = scope.parameter("weight", [width], initial: .ones)
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Variable, _ context: ForwardContext) -> Variable {
    context.tape.rmsNorm(x, weight: weight.variable, epsilon: epsilon)
  }
}

/// Layer normalisation with a learned scale and shift.
public struct LayerNorm {
  public let weight: Parameter
  public let bias: Parameter
  public let epsilon: Float

  public init(_ scope: LayerScope, width: Int, epsilon: Float) {
    weight = scope.parameter("weight", [width], initial: .ones)
    bias = scope.parameter("bias", [width], initial: .zeros)
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Variable, _ context: ForwardContext) -> Variable {
    context.tape.layerNorm(x, weight: weight.variable, bias: bias.variable, epsilon: epsilon)
  }
}
