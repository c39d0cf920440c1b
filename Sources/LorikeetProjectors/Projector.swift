// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
public import LorikeetTensors

/// A map from image features to the decoder's embeddings.
public protocol Projector: AnyObject {
  /// The layer that features enter.
  var inputLayer: Linear { get }
  /// What is done to features before that layer, while training a new projector.
  var normalisation: FeatureNormalisation? { get set }
  /// Whether that can be expressed by other weights of that layer.
  var takesNormalisation: Bool { get }

  /// - Parameter features: `[rows, encoder width]`.
  /// - Returns: `[rows, decoder width]`.
  func callAsFunction(_ features: Variable, _ context: ForwardContext) -> Variable
}

/// The kinds of projector by name.
public enum ProjectorKind: String, Sendable, Codable, CaseIterable {
  case linear
  case mlp

  /// Builds a projector of this kind; a kind makes of the options what it can.
  public func make(
    _ scope: LayerScope, inputs: Int, outputs: Int, activation: Activation, bias: Bool
  ) -> any Projector {
    switch self {
    case .linear: LinearProjector(scope, inputs: inputs, outputs: outputs, bias: bias)
    case .mlp:
      MLPProjector(scope, inputs: inputs, outputs: outputs, activation: activation, bias: bias)
    }
  }
}

extension Projector {
  /// Features as the first layer takes them.
  func normalised(_ features: Variable, _ context: ForwardContext) -> Variable {
    guard let normalisation else { return features }
    return context.tape.normalise(
      features, mean: normalisation.mean, scale: normalisation.scale)
  }
}
