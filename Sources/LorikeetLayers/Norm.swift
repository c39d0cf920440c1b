// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
internal import LorikeetTensors

/// A normalisation of rows.
public protocol Norm {
  func callAsFunction(_ x: Variable, _ context: ForwardContext) -> Variable
}

/// Root-mean-square normalisation with a learned scale.
public struct RMSNorm: Norm {
  public let weight: Parameter
  public let epsilon: Float
  /// What is added to the weight to give the scale: 1 in the Gemma models, 0 elsewhere.
  public let offset: Float

  public init(_ scope: LayerScope, width: Int, epsilon: Float, offset: Float = 0) {
    weight = scope.parameter("weight", [width], initial: offset == 0 ? .ones : .zeros)
    self.epsilon = epsilon
    self.offset = offset
  }

  public func callAsFunction(_ x: Variable, _ context: ForwardContext) -> Variable {
    context.tape.rmsNorm(x, weight: weight.variable, epsilon: epsilon, offset: offset)
  }
}

/// Layer normalisation with a learned scale and shift.
public struct LayerNorm: Norm {
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
