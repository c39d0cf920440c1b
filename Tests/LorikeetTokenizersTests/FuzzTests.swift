// SPDX-License-Identifier: Apache-2.0

import LorikeetTestSupport
import LorikeetTokenizers
import Testing

/// Damaged input throws or works, and never traps; a trap ends the whole test run.
@Suite struct FuzzTests {
  /// A small generator of its own, so that failures can be repeated.
  struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 29)
    }
  }

  @Test(arguments: ["digits", "metaspace", "clip", "words"])
  func damagedFiles(name: String) throws {
    let bytes = Array(try fixtureText("\(name)/tokenizer.json").utf8)
    var generator = Generator(state: 42)
    var opened = 0
    for round in 0..<400 {
      var damaged = bytes
      if round % 4 == 0 { damaged.removeLast(Int.random(in: 1..<bytes.count, using: &generator)) }
      for _ in 0..<(1 + round % 5) where !damaged.isEmpty {
        let place = damaged.indices.randomElement(using: &generator) ?? 0
        damaged[place] = "{}[]\",:0-9ea\\\u{0}~".utf8.randomElement(using: &generator) ?? 0
      }
      guard let tokenizer = try? Tokenizer(json: damaged) else { continue }
      opened += 1
      let ids = tokenizer.encode("The 12 dogs don't é 日本 <|im_end|> <mask>")
      _ = try? tokenizer.decode(ids)
    }
    #expect(opened > 0)
  }

  @Test func randomTexts() throws {
    var generator = Generator(state: 7)
    for name in ReferenceTests.names {
      let tokenizer = try Tokenizer(file: Fixtures.path("tokenizers/\(name)/tokenizer.json"))
      for _ in 0..<200 {
        let bytes = (0..<Int.random(in: 0..<60, using: &generator)).map { _ in
          UInt8.random(in: 0...255, using: &generator)
        }
        _ = try tokenizer.decode(tokenizer.encode(String(decoding: bytes, as: UTF8.self)))
        let ids = (0..<20).map { _ in
          Int.random(in: -10..<tokenizer.vocabularySize + 10, using: &generator)
        }
        _ = try? tokenizer.decode(ids)
        var decoder = StreamingDecoder(tokenizer)
        for id in ids { _ = decoder.append(id) }
        _ = decoder.finish()
      }
    }
  }

  @Test func damagedTemplates() throws {
    let templates = try #require(try fixture("templates.json")["templates"]?.objectValue)
    let messages = [
      ChatMessage(role: "user", text: "Hi"), ChatMessage(role: "assistant", content: nil),
      ChatMessage(role: "user", content: [ChatMessage.imagePart, ChatMessage.textPart("what?")]),
    ]
    var generator = Generator(state: 11)
    let bits = [
      "{%", "%}", "{{", "}}", "-", "|", "(", ")", "[", "]", "'", "if", "for", ".", "0", " ",
    ]
    for source in templates.values.compactMap(\.stringValue) {
      for _ in 0..<150 {
        var scalars = Array(source.unicodeScalars)
        for _ in 0..<3 {
          let place = Int.random(in: 0..<scalars.count, using: &generator)
          let length = min(Int.random(in: 0..<4, using: &generator), scalars.count - place)
          let bit = bits.randomElement(using: &generator) ?? ""
          scalars.replaceSubrange(place..<place + length, with: Array(bit.unicodeScalars))
        }
        var text = ""
        text.unicodeScalars.append(contentsOf: scalars)
        _ = try? ChatTemplate(source: text, name: "damaged").render(
          messages: messages, addGenerationPrompt: true, variables: ["bos_token": "<s>"])
      }
    }
  }

  @Test func deepJSONIsRefused() {
    for open in ["[", "{\"a\":"] {
      let text = String(repeating: open, count: 1_000_000)
      #expect(throws: TokenizerError.self) {
        try JSONReader.parse(Array(text.utf8), file: "deep.json")
      }
    }
  }

  @Test(arguments: [
    "", " ", "{", "[1,]", "{\"a\"}", "{\"a\":1,}", "nul", "tru", "\"", "\"\\", "\"\\u12",
    "\"\\ud800\"",
    "\"\\ud800\\u0041\"", "\"\\x\"", "1e999", "--1", "1 2", "\"\n\"", "+", "-", ".", "\u{FEFF}",
  ])
  func textThatIsNotJSON(text: String) {
    #expect(throws: TokenizerError.self) {
      try JSONReader.parse(Array(text.utf8), file: "broken.json")
    }
  }
}
