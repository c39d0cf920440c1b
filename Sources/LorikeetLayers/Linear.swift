// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
internal import LorikeetTensors

/// A linear layer, y = x W^T + b, with a socket for adapters.
public final class Linear {
  /// The place in the module tree, as transformers and PEFT name it.
  public let name: String
  public let weight: Parameter
  public let bias: Parameter?
  /// Whether the weight is also the model's table of embeddings.
  public let isTied: Bool
  /// What is plugged in, in the order in which it acts.
  public var adapters: [any LinearAdapter] = []

  public init(name: String, weight: Parameter, bias: Parameter?, isTied: Bool = false) {
    self.name = name
    self.weight = weight
    self.bias = bias
    self.isTied = isTied
  }

  public var inputs: Int { weight.shape[1] }
  public var outputs: Int { weight.shape[0] }

  /// - Parameters:
  ///   - x: `[rows, in]`.
  ///   - other: what stands in for the weight; nil for the weight itself.
  /// - Returns: `[rows, out]`.
  public func callAsFunction(
    _ x: Variable, _ context: ForwardContext, weight other: Parameter? = nil
  ) -> Variable {
    var x = x
    for adapter in adapters { x = adapter.prepare(x, context) }
    var y = context.tape.linear(x, other ?? weight, bias: bias)
    for adapter in adapters { y = adapter.apply(to: y, input: x, context) }
    return y
  }

  /// The outputs of several layers for the same input, computed together where that is faster: one
  /// row with several weights takes as long as reading them, without a pause between.
  ///
  /// - Parameter x: `[rows, in]`.
  /// - Returns: `[rows, out]` for each layer.
  static func each(
    _ layers: [Linear], _ x: Variable, _ context: ForwardContext
  ) -> [Variable] {
    let isOne =
      !context.tape.isRecording
      && layers.allSatisfy { $0.adapters.allSatisfy { $0.prepare(x, context) === x } }
    guard isOne else { return layers.map { $0(x, context) } }
    let outputs = context.tape.linear(x, layers.map { ($0.weight, $0.bias) })
    return zip(layers, outputs).map { layer, output in
      layer.adapters.reduce(output) { $1.apply(to: $0, input: x, context) }
    }
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
