// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers

/// One linear layer (Liu et al., "Visual instruction tuning", 2023).
public final class LinearProjector: Projector {
  public let linear: Linear

  public var normalisation: FeatureNormalisation?
  public var inputLayer: Linear { linear }
  public var takesNormalisation: Bool { linear.bias != nil }

  /// - Parameter name: what the layer is called below the scope.
  public init(
    _ scope: LayerScope, inputs: Int, outputs: Int, bias: Bool, name: String = "linear"
  ) {
    linear = scope.linear(name, inputs: inputs, outputs: outputs, bias: bias)
  }

  public func callAsFunction(_ features: Variable, _ context: ForwardContext) -> Variable {
    linear(normalised(features, context), context)
  }
}
