// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers

/// What stands in a sequence where an input is missing.
public protocol MissingModalityStrategy: AnyObject {
  /// The rows that stand in for a missing input of this modality, `[rows, width]`; nil for none.
  func standIn(for modality: Modality) -> Variable?
  /// Parameters that train and are saved with the adapter, by name.
  var parameters: [(name: String, parameter: Parameter)] { get }
}

/// The strategies that have a name.
public enum MissingModalityKind: String, Sendable, Codable, CaseIterable {
  /// The rows are left out.
  case drop
  /// Learned tokens stand in.
  case tokens
}
