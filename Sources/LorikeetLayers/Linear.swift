// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
internal import LorikeetTensors

/// A linear layer, y = x W^T + b, with a socket for adapters.
public final class Linear {
  /// The place in the module tree, as transformers and PEFT name it.
  public let name: String
  public let weight: Parameter
  public let bias: Parameter?
  /// What is plugged in, in the order in which it acts.
  public var adapters: [any LinearAdapter] = []

  public init(name: String, weight: Parameter, bias: Parameter?) {
    self.name = name
    self.weight = weight
    self.bias = bias
  }

  public var inputs: Int { weight.shape[1] }
  public var outputs: Int { weight.shape[0] }

  /// - Parameter x: `[rows, in]`.
  /// - Returns: `[rows, out]`.
  public func callAsFunction(_ x: Variable, _ context: ForwardContext) -> Variable {
    var x = x
    for adapter in adapters { x = adapter.prepare(x, context) }
    var y = context.tape.linear(x, weight, bias: bias)
    for adapter in adapters { y = adapter.apply(to: y, input: x, context) }
    return y
  }
}

/// What plugs into a linear layer.
public protocol LinearAdapter: AnyObject {
  /// What the layer is given instead of its input; the input itself unless the adapter says otherwise.
  ///
  /// - Parameter input: `[rows, in]`.
  func prepare(_ input: Variable, _ context: ForwardContext) -> Variable

  /// The layer's output with the adapter's contribution.
  ///
  /// - Parameters:
  ///   - output: `[rows, out]`; may be used up.
  ///   - input: `[rows, in]`, what the layer was given.
  func apply(to output: Variable, input: Variable, _ context: ForwardContext) -> Variable
}

extension LinearAdapter {
  public func prepare(_ input: Variable, _ context: ForwardContext) -> Variable { input }
}
