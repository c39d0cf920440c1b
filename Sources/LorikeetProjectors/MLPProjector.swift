// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
public import LorikeetTensors

/// Two linear layers with a non-linearity between (Liu et al., "Improved baselines with visual
/// instruction tuning", 2024): LLaVA's `multi_modal_projector`.
public final class MLPProjector: Projector {
  public let first: Linear
  public let second: Linear
  private let activation: Activation

  public var normalisation: FeatureNormalisation?
  public var inputLayer: Linear { first }
  public var takesNormalisation: Bool { first.bias != nil }

  public init(_ scope: LayerScope, inputs: Int, outputs: Int, activation: Activation, bias: Bool) {
    first = scope.linear("linear_1", inputs: inputs, outputs: outputs, bias: bias)
    second = scope.linear("linear_2", inputs: outputs, outputs: outputs, bias: bias)
    self.activation = activation
  }

  public func callAsFunction(_ features: Variable, _ context: ForwardContext) -> Variable {
    second(
      context.tape.activate(first(normalised(features, context), context), activation), context)
  }
}
