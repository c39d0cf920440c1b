// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers

/// How the positions of visual tokens are counted after pruning.
public enum PrunedPositions: String, Sendable, Codable, CaseIterable {
  /// As if nothing had been pruned: what is left keeps its place (Endo et al., "Feather the
  /// throttle", 2024, and others found that grounding depends on it).
  case original
  /// One after the other.
  case renumbered
}

/// One input of the decoder: words and pictures in order, the last words being the answer.
public struct TokenSequence {
  public enum Part {
    /// Words, as token ids.
    case tokens([Int])
    /// A picture.
    case image(VisualFeatures)
    /// What stands in for a missing input, `Modality.missingImage` or `.missingText`.
    case standIn(Modality)
  }
  public var parts: [Part]
  /// Token ids after the parts that are to be predicted.
  public var answer: [Int]

  public init(parts: [Part], answer: [Int] = []) {
    self.parts = parts
    self.answer = answer
  }
}
