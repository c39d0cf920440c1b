// SPDX-License-Identifier: Apache-2.0

/// How a family of models writes pictures into its prompts.
public struct PictureLayout: Sendable {
  /// What stands in the place of a picture.
  public enum Piece: Sendable, Equatable {
    case words(String)
    /// All tokens of the picture.
    case picture
    /// Those of one of its tiles; the whole picture is the last.
    case tile(Int)
  }
  /// Whether plain prompts are pictures, the beginning-of-text token, the words and a line's end, and
  /// answers begin without a space.
  public var comesFirst = false
  /// What stands around the place of a picture in prompts that no chat template wrote.
  public var opening = ""
  public var closing = ""
  /// What a picture in tiles, or as a whole, becomes.
  public var pieces: @Sendable (VisualFeatures.Tiles?) -> [Piece] = { _ in [.picture] }

  public init() {}
}
