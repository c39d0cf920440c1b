// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetLayers
internal import LorikeetTokenizers

/// Writes one prompt: first as text with marks for pictures and text, then as parts of a sequence.
struct PromptWriter {
  let processor: Processor
  let images: [PromptImage]
  let text: PromptText?
  let settings: TaskSettings

  /// Marks the place of a picture, or of a text, in a prompt.
  private static let imageMark = "\u{F8F0}image\u{F8F1}"
  private static let textMark = "\u{F8F0}text\u{F8F1}"

  private var tokenizer: Tokenizer { processor.tokenizer }

  /// Pictures a line each, the text, the instruction.
  func marked(_ instruction: String) -> String {
    String(repeating: Self.imageMark + "\n", count: images.count)
      + (text == nil ? "" : Self.textMark) + instruction
  }

  /// The words of the text that belongs to the picture; none if it is missing.
  private var textLine: String {
    if case .words(let words) = text { "\(settings.textPrefix) \(words)\n" } else { "" }
  }

  /// Pictures, the beginning-of-text token, the words, a line's end.
  ///
  /// Source: `PaliGemmaProcessor` of transformers.
  func picturesFirst(_ instruction: String) -> [TokenSequence.Part] {
    var parts: [TokenSequence.Part] = images.map {
      switch $0 {
      case .features(let features): .image(features)
      case .missing: .standIn(.missingImage)
      }
    }
    if case .missing = text { parts.append(.standIn(.missingText)) }
    let start = tokenizer.bosToken.map { [$0] } ?? []
    let words = tokenizer.encode(textLine + instruction + "\n", addSpecialTokens: false)
    parts.append(.tokens(start + words))
    return parts
  }

  // MARK: Chats

  /// The prompt that a chat template writes.
  ///
  /// Templates of vision-language models take a list of pictures and texts and write the image token
  /// themselves; those of language models take a text.
  func chat(
    _ template: ChatTemplate, _ instruction: String, system: String?
  ) throws -> [TokenSequence.Part] {
    let words = (text == nil ? "" : Self.textMark) + instruction
    // Templates may trim what they are given.
    let kept = words.trimmingCharacters(in: .whitespacesAndNewlines)
    func render(_ content: TemplateValue, _ system: TemplateValue?) throws -> String {
      var messages = [ChatMessage(role: "user", content: content)]
      if let system { messages.insert(ChatMessage(role: "system", content: system), at: 0) }
      return try template.render(messages: messages, addGenerationPrompt: true)
    }
    func list() throws -> String {
      try render(
        .array(images.map { _ in ChatMessage.imagePart } + [ChatMessage.textPart(words)]),
        system.map { .array([ChatMessage.textPart($0)]) })
    }
    if !images.isEmpty, let content = imageContent, let written = try? list(),
      written.contains(kept), written.components(separatedBy: content).count == images.count + 1
    {
      return parts(
        written.replacingOccurrences(of: content, with: Self.imageMark), writesSurroundings: false)
    }
    let plain = Result {
      try render(.string(marked(instruction)), system.map { .string($0) })
    }
    // A template that takes a list only leaves out a text, or fails.
    if (try? plain.get())?.contains(kept) != true, images.isEmpty, let written = try? list(),
      written.contains(kept)
    {
      return parts(written, writesSurroundings: true)
    }
    return parts(try plain.get(), writesSurroundings: true)
  }

  // MARK: Parts

  private enum Piece {
    case words(String)
    case image(VisualFeatures)
    case standIn(Modality)
  }

  /// Cuts a marked text at its marks and turns it into tokens.
  ///
  /// - Parameter writesSurroundings: whether to write what stands around a picture's place.
  func parts(_ marked: String, writesSurroundings: Bool) -> [TokenSequence.Part] {
    var pieces: [Piece] = []
    var images = images[...]
    for (index, section) in marked.components(separatedBy: Self.imageMark).enumerated() {
      if index > 0 {
        switch images.popFirst() {
        case .features(let features):
          if writesSurroundings { pieces.append(.words(processor.layout.opening)) }
          for piece in processor.layout.pieces(features.tiles) {
            switch piece {
            case .words(let words): pieces.append(.words(words))
            case .picture: pieces.append(.image(features))
            case .tile(let tile): pieces.append(.image(features.tile(tile)))
            }
          }
          if writesSurroundings { pieces.append(.words(processor.layout.closing)) }
        case .missing: pieces.append(.standIn(.missingImage))
        case nil: break
        }
      }
      for (index, words) in section.components(separatedBy: Self.textMark).enumerated() {
        if index > 0 {
          if case .missing = text {
            pieces.append(.standIn(.missingText))
          } else {
            pieces.append(.words(textLine))
          }
        }
        pieces.append(.words(words))
      }
    }
    return parts(pieces)
  }

  private func parts(_ pieces: [Piece]) -> [TokenSequence.Part] {
    var parts: [TokenSequence.Part] = []
    var run: [Piece] = []
    for piece in pieces {
      if case .standIn(let modality) = piece {
        parts += tokens(run) + [.standIn(modality)]
        run = []
      } else {
        run.append(piece)
      }
    }
    return parts + tokens(run)
  }

  /// What the tokenizer calls the image token; nil where it is a word like others.
  private var imageContent: String? {
    guard let token = processor.imageToken,
      tokenizer.addedTokens.contains(where: { $0.id == token })
    else { return nil }
    return tokenizer.token(of: token)
  }

  /// Words and pictures as parts. Where the tokenizer knows the image token, all words go through it
  /// together, a token for each picture, as a text's first word may be another token than a later one.
  private func tokens(_ pieces: [Piece]) -> [TokenSequence.Part] {
    let images = pieces.compactMap { piece -> VisualFeatures? in
      if case .image(let features) = piece { features } else { nil }
    }
    if let content = imageContent, !images.isEmpty {
      let text = pieces.map { piece in
        if case .words(let words) = piece { words } else { content }
      }.joined()
      let runs = tokenizer.encode(text, addSpecialTokens: false).split(
        separator: processor.imageToken ?? -1, omittingEmptySubsequences: false)
      if runs.count == images.count + 1 {
        return runs.enumerated().flatMap { index, ids -> [TokenSequence.Part] in
          (index == 0 ? [] : [.image(images[index - 1])])
            + (ids.isEmpty ? [] : [.tokens(Array(ids))])
        }
      }
    }
    var parts: [TokenSequence.Part] = []
    var pending = ""
    func append() {
      if !pending.isEmpty {
        parts.append(.tokens(tokenizer.encode(pending, addSpecialTokens: false)))
      }
      pending = ""
    }
    for piece in pieces {
      switch piece {
      case .words(let words): pending += words
      case .image(let features):
        append()
        parts.append(.image(features))
      case .standIn(let modality):
        append()
        parts.append(.standIn(modality))
      }
    }
    append()
    return parts
  }
}
