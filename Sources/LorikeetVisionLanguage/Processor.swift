// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetImages
internal import LorikeetLayers
public import LorikeetTensors
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
/// directory.
public struct Processor: Sendable {
  public let tokenizer: Tokenizer
  /// nil where the directory has no preprocessor configuration.
  public let imageProcessor: ImageProcessor?
  /// Whether plain prompts are PaliGemma's: pictures, the beginning-of-text token, the words, a line's
  /// end; and answers begin without a space.
  public var putsPicturesFirst = false

  public init(tokenizer: Tokenizer, imageProcessor: ImageProcessor?) {
    self.tokenizer = tokenizer
    self.imageProcessor = imageProcessor
  }

  public init(directory: String) throws {
    tokenizer = try Tokenizer(directory: directory)
    imageProcessor = try ImageProcessor.ofModel(directory)
  }

  /// Pixels of a picture as the encoder takes them, `[1, 3, height, width]`.
  ///
  /// - Parameter name: the picture's file, for messages.
  public func pixels(_ image: Image, name: String) throws -> Tensor {
    try ImageProcessor.require(imageProcessor, name).tensor(image, name: name)
  }

  /// Marks the place of a picture, or of a text, in a chat template's output.
  private static let imageMark = "\u{F8F0}image\u{F8F1}"
  private static let textMark = "\u{F8F0}text\u{F8F1}"

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
    let places = String(repeating: Self.imageMark + "\n", count: images.count)
    var marked: String
    switch settings.promptStyle {
    case .plain where putsPicturesFirst:
      let words =
        switch text {
        case .words(let words): "\(settings.textPrefix) \(words)\n"
        case .missing, nil: ""
        }
      var parts: [TokenSequence.Part] = images.map {
        switch $0 {
        case .features(let features): .image(features)
        case .missing: .standIn(.missingImage)
        }
      }
      if case .missing = text { parts.append(.standIn(.missingText)) }
      parts.append(
        .tokens(tokenizer.encode(words + instruction + "\n", addSpecialTokens: true)))
      return TokenSequence(parts: parts)
    case .plain:
      marked = places
      if text != nil { marked += Self.textMark }
      marked += instruction
    case .chat:
      guard let template = tokenizer.chatTemplate else {
        throw ConfigurationError(
          path: "prompt_style chat", "the model's tokenizer has no chat template")
      }
      let content =
        places + (text == nil ? "" : Self.textMark) + instruction
      var messages = [ChatMessage(role: "user", text: content)]
      if let system { messages.insert(ChatMessage(role: "system", text: system), at: 0) }
      marked = try template.render(messages: messages, addGenerationPrompt: true)
    }
    return TokenSequence(parts: parts(marked, images: images, text: text, settings))
  }

  /// The tokens of an answer, its end token included.
  public func answer(_ text: String, settings: TaskSettings, endTokens: [Int]) -> [Int] {
    let words = settings.promptStyle == .plain && !putsPicturesFirst ? " " + text : text
    let end = tokenizer.eosToken ?? endTokens.first
    return tokenizer.encode(words, addSpecialTokens: false) + (end.map { [$0] } ?? [])
  }

  /// The words of an answer's tokens.
  public func words(_ tokens: [Int]) -> String {
    let text = (try? tokenizer.decode(tokens, skipSpecialTokens: true)) ?? ""
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Cuts a marked text at its marks.
  private func parts(
    _ marked: String, images: [PromptImage], text: PromptText?, _ settings: TaskSettings
  ) -> [TokenSequence.Part] {
    // A beginning-of-text token, where the tokenizer adds one, stands before everything. A chat
    // template writes its own.
    let start =
      settings.promptStyle == .plain ? tokenizer.encode("", addSpecialTokens: true) : []
    var parts: [TokenSequence.Part] = start.isEmpty ? [] : [.tokens(start)]
    func append(_ words: String) {
      guard !words.isEmpty else { return }
      parts.append(.tokens(tokenizer.encode(words, addSpecialTokens: false)))
    }
    var images = images[...]
    var rest = marked[...]
    var pending = ""
    while !rest.isEmpty {
      if rest.hasPrefix(Self.imageMark) {
        append(pending)
        pending = ""
        switch images.popFirst() {
        case .features(let features): parts.append(.image(features))
        case .missing: parts.append(.standIn(.missingImage))
        case nil: break
        }
        rest = rest.dropFirst(Self.imageMark.count)
      } else if rest.hasPrefix(Self.textMark) {
        switch text {
        case .words(let words): pending += "\(settings.textPrefix) \(words)\n"
        case .missing:
          append(pending)
          pending = ""
          parts.append(.standIn(.missingText))
        case nil: break
        }
        rest = rest.dropFirst(Self.textMark.count)
      } else {
        pending.append(rest.removeFirst())
      }
    }
    append(pending)
    return parts
  }
}
