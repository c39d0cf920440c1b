// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetImages
internal import LorikeetLayers
public import LorikeetTokenizers

/// The picture of a prompt.
public enum PromptImage {
  case features(VisualFeatures)
  /// There should be one, but it is missing.
  case missing
}

/// The text of a prompt that belongs to the picture.
public enum PromptText {
  case words(String)
  /// There should be one, but it is missing.
  case missing
}

/// Turns pictures and words into what a model takes: the tokenizer and the image processor of a model
/// directory, and the way in which the model's family writes pictures into prompts.
public struct Processor: Sendable {
  public let tokenizer: Tokenizer
  /// nil where the directory has no preprocessor configuration.
  public let imageProcessor: (any PictureProcessor)?
  /// How the family writes pictures.
  public var layout = PictureLayout()
  /// The token that holds the place of image features; nil for a model without eyes.
  public var imageToken: Int?

  public init(tokenizer: Tokenizer, imageProcessor: (any PictureProcessor)?) {
    self.tokenizer = tokenizer
    self.imageProcessor = imageProcessor
  }

  public init(directory: String) throws {
    tokenizer = try Tokenizer(directory: directory)
    imageProcessor = try PictureProcessors.inDirectory(directory)
  }

  /// Pixels of a picture as the model takes them.
  ///
  /// - Parameter name: the picture's file, for messages.
  public func pixels(_ image: Image, name: String) throws -> PicturePixels {
    try Self.require(imageProcessor, name).prepare(image, name: name)
  }

  /// - Throws: `ConfigurationError` if there is none.
  static func require(
    _ processor: (any PictureProcessor)?, _ name: String
  ) throws(ConfigurationError) -> any PictureProcessor {
    guard let processor else {
      throw ConfigurationError(path: name, "the model has no preprocessor_config.json for pictures")
    }
    return processor
  }

  /// A prompt: picture, text and instruction, as the style lays them out.
  ///
  /// - Parameters:
  ///   - system: what the system turn of a chat says; the template's own if nil.
  public func prompt(
    image: PromptImage?, text: PromptText?, instruction: String, settings: TaskSettings,
    system: String? = nil
  ) throws -> TokenSequence {
    try prompt(
      images: image.map { [$0] } ?? [], text: text, instruction: instruction, settings: settings,
      system: system)
  }

  /// A prompt with any number of pictures, which come first, in order, a line each.
  public func prompt(
    images: [PromptImage], text: PromptText?, instruction: String, settings: TaskSettings,
    system: String? = nil
  ) throws -> TokenSequence {
    let writer = PromptWriter(processor: self, images: images, text: text, settings: settings)
    switch settings.promptStyle {
    case .plain where layout.comesFirst:
      return TokenSequence(parts: writer.picturesFirst(instruction))
    case .plain:
      // A beginning-of-text token, where the tokenizer adds one, stands before everything.
      let start = tokenizer.encode("", addSpecialTokens: true)
      return TokenSequence(
        parts: (start.isEmpty ? [] : [.tokens(start)])
          + writer.parts(writer.marked(instruction), writesSurroundings: true))
    case .chat:
      // A chat template writes its own.
      guard let template = tokenizer.chatTemplate else {
        throw ConfigurationError(
          path: "prompt_style chat", "the model's tokenizer has no chat template")
      }
      return TokenSequence(parts: try writer.chat(template, instruction, system: system))
    }
  }

  /// The tokens of an answer, its end token included.
  public func answer(_ text: String, settings: TaskSettings, endTokens: [Int]) -> [Int] {
    let words = settings.promptStyle == .plain && !layout.comesFirst ? " " + text : text
    let end = tokenizer.eosToken ?? endTokens.first
    return tokenizer.encode(words, addSpecialTokens: false) + (end.map { [$0] } ?? [])
  }

  /// The words of an answer's tokens.
  public func words(_ tokens: [Int]) -> String {
    let text = (try? tokenizer.decode(tokens, skipSpecialTokens: true)) ?? ""
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
