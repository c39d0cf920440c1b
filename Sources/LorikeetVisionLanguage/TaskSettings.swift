// SPDX-License-Identifier: Apache-2.0

public import LorikeetMissingModality

/// How prompts are put together.
public enum PromptStyle: String, Sendable, Codable, CaseIterable {
  /// Picture, text and instruction one after the other, a line each.
  case plain
  /// The tokenizer's chat template, picture first in the user's turn.
  case chat
}

/// What a fine-tuned adapter must know to be used as it was trained; kept beside it in
/// `lorikeet.json`.
public struct TaskSettings: Sendable, Equatable, Codable {
  public var promptStyle = PromptStyle.plain
  /// The instruction that asks for a caption.
  public var captionPrompt = "Caption:"
  /// The instruction that asks for a label.
  public var labelPrompt = "Category:"
  /// What stands before a text that belongs to the picture.
  public var textPrefix = "Text:"
  /// Visual token pruning, as `fopru-rank:0.25`; nil for none.
  public var prune: String?
  public var prunedPositions = PrunedPositions.original
  public var missing = MissingModalityKind.drop
  /// Learned tokens for each missing modality.
  public var standInTokens = 4
  /// The labels of the data set, sorted; empty if it had none.
  public var labels: [String] = []

  public init() {}

  enum CodingKeys: String, CodingKey {
    case promptStyle = "prompt_style"
    case captionPrompt = "caption_prompt"
    case labelPrompt = "label_prompt"
    case textPrefix = "text_prefix"
    case prune
    case prunedPositions = "pruned_positions"
    case missing
    case standInTokens = "stand_in_tokens"
    case labels
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let standard = TaskSettings()
    func value<T: Decodable>(_ key: CodingKeys, _ fallback: T) throws -> T {
      try values.decodeIfPresent(T.self, forKey: key) ?? fallback
    }
    promptStyle = try value(.promptStyle, standard.promptStyle)
    captionPrompt = try value(.captionPrompt, standard.captionPrompt)
    labelPrompt = try value(.labelPrompt, standard.labelPrompt)
    textPrefix = try value(.textPrefix, standard.textPrefix)
    prune = try values.decodeIfPresent(String.self, forKey: .prune)
    prunedPositions = try value(.prunedPositions, standard.prunedPositions)
    missing = try value(.missing, standard.missing)
    standInTokens = try value(.standInTokens, standard.standInTokens)
    labels = try value(.labels, standard.labels)
  }
}
