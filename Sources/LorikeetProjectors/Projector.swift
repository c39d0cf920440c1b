// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers

/// A map from image features to the decoder's embeddings.
public protocol Projector: AnyObject {
  /// - Parameter features: `[rows, encoder width]`.
  /// - Returns: `[rows, decoder width]`.
  func callAsFunction(_ features: Variable, _ context: ForwardContext) -> Variable
}

/// The kinds of projector by name.
public enum ProjectorKind: String, Sendable, Codable, CaseIterable {
  case linear
  case mlp
}
