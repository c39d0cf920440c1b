// SPDX-License-Identifier: Apache-2.0

/// One example: a picture, a text, a label, or any of them that exist.
public struct Sample: Sendable, Hashable {
  /// A name that is unique in the data set, such as the picture's path inside it.
  public var id: String
  /// The path of the picture, ready to open; nil for an example of text alone.
  public var imagePath: String?
  /// The caption, or the first answer of a conversation.
  public var text: String?
  public var label: String?
  /// `train`, `validation`, `test`, or another name that the data set uses.
  public var split: String?
  /// The turns of a LLaVA conversation, `<image>` marks included.
  public var conversation: [Turn]?

  public init(
    id: String, imagePath: String? = nil, text: String? = nil, label: String? = nil,
    split: String? = nil, conversation: [Turn]? = nil
  ) {
    self.id = id
    self.imagePath = imagePath
    self.text = text
    self.label = label
    self.split = split
    self.conversation = conversation
  }
}

/// One turn of a conversation.
public struct Turn: Sendable, Hashable {
  /// Who speaks.
  public enum Role: String, Sendable, Hashable {
    case system, user, assistant

    /// Reads the names in use: `human` and `user`, `gpt` and `assistant`, `system`.
    public init?(named name: String) {
      switch name.lowercased() {
      case "human", "user": self = .user
      case "gpt", "assistant": self = .assistant
      case "system": self = .system
      default: return nil
      }
    }
  }

  public var role: Role
  public var text: String

  public init(role: Role, text: String) {
    self.role = role
    self.text = text
  }
}
