// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers

/// Leaves the rows of a missing input out.
public final class DropRows: MissingModalityStrategy {
  public init() {}
  public func standIn(for modality: Modality) -> Variable? { nil }
  public var parameters: [(name: String, parameter: Parameter)] { [] }
}
