// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Lorikeet

struct DebugTokenize: WorkingCommand {
  static let computes = false
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Prints the token ids of a text, or of each line of a file.",
    discussion: """
      Ids stand on one line for each text, separated by spaces; with --json, one object with text, \
      ids, tokens and decoded (the text of the ids, special tokens included). With --ids the text \
      or the lines are token ids; their text is printed instead, and with --json one object with \
      ids, tokens, decoded, skipped (the text without special tokens) and streamed (decoded, put \
      together id by id as it is while a model writes).

      Examples:
        lorikeet debug tokenize --model smollm2 --text "A red apple."
        lorikeet debug tokenize --model smollm2 --file captions.txt --json
        lorikeet debug tokenize --model smollm2 --ids --text "330 2907 11880"
      """)

  @Option(
    help: .init(
      "The model's directory, or FILE.gguf; only the tokenizer is read.", valueName: "dir"),
    completion: .directory)
  var model: String

  @Option(parsing: .unconditional, help: "The text.")
  var text: String?

  @Option(
    help: .init("A UTF-8 file whose lines are the texts.", valueName: "file"), completion: .file())
  var file: String?

  @Flag(help: "Lay around each text the tokens that the model begins and ends texts with.")
  var addSpecialTokens = false

  @Flag(help: "Take the text or the lines for token ids, and decode them.")
  var ids = false

  @Flag(help: "Print one JSON object a line.")
  var json = false

  @OptionGroup
  var common: CommonOptions

  func validate() throws {
    guard (text == nil) != (file == nil) else {
      throw ValidationError("expected either --text or --file")
    }
  }

  func work() throws {
    let tokenizer =
      model.hasSuffix(".gguf")
      ? try Tokenizer(gguf: GGUFFile(path: model))
      : try Tokenizer(directory: ModelSource.directory(model))
    for (index, text) in try texts().enumerated() {
      if ids {
        try decode(text, line: index + 1, tokenizer)
        continue
      }
      let ids = tokenizer.encode(text, addSpecialTokens: addSpecialTokens)
      guard json else {
        try StandardOutput.line(ids.map(String.init).joined(separator: " "))
        continue
      }
      try StandardOutput.line([
        "text": .string(text),
        "ids": .array(ids.map { .int($0) }),
        "tokens": tokens(ids, tokenizer),
        "decoded": .string(try tokenizer.decode(ids, skipSpecialTokens: false)),
      ])
    }
  }

  private func tokens(_ ids: [Int], _ tokenizer: Tokenizer) -> JSONLine.Value {
    .array(ids.map { tokenizer.token(of: $0).map { .string($0) } ?? .null })
  }

  private func decode(_ text: String, line: Int, _ tokenizer: Tokenizer) throws {
    let ids = try text.split(separator: " ").map { word in
      guard let id = Int(word) else {
        throw FileError(
          path: file ?? "--text", reason: "line \(line): expected token ids, found \"\(word)\"")
      }
      return id
    }
    let decoded = try tokenizer.decode(ids, skipSpecialTokens: false)
    guard json else { return try StandardOutput.line(decoded) }
    var stream = StreamingDecoder(tokenizer, skipSpecialTokens: false)
    let parts = ids.map { stream.append($0) }
    try StandardOutput.line([
      "ids": .array(ids.map { .int($0) }),
      "tokens": tokens(ids, tokenizer),
      "decoded": .string(decoded),
      "skipped": .string(try tokenizer.decode(ids)),
      "streamed": .string(parts.joined() + stream.finish()),
    ])
  }

  /// The texts to encode. Lines end with a line feed only; the last one may lack it.
  private func texts() throws -> [String] {
    if let text { return [text] }
    guard let file else { return [] }
    let bytes = try Storage.mapping(path: file).withBytes { Array($0) }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw FileError(path: file, reason: "is not UTF-8 text")
    }
    var lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines.map { String(decoding: $0, as: UTF8.self) }
  }
}
