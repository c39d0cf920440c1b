// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import LorikeetTokenizers
import Testing

/// Small models by the SentencePiece library and in the unigram form of tokenizer.json, each with
/// the ids and the texts that the reference library gives.
@Suite struct UnigramTests {
  /// The folders under one of `sentencepiece` and `unigram`.
  static func names(_ folder: String) -> [String] {
    let path = Fixtures.path("tokenizers/\(folder)")
    return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
      .map { "\(folder)/\($0)" }
  }
  static let names = names("sentencepiece") + names("unigram")

  static func tokenizer(_ name: String) throws -> Tokenizer {
    let path = Fixtures.path("tokenizers/\(name)")
    guard name.hasPrefix("sentencepiece") else {
      return try Tokenizer(file: path + "/tokenizer.json")
    }
    return try Tokenizer(sentencePiece: try modelBytes(name))
  }

  static func modelBytes(_ name: String) throws -> [UInt8] {
    let path = Fixtures.path("tokenizers/\(name)/tokenizer.model")
    return Array(try Data(contentsOf: URL(filePath: path)))
  }

  @Test func everyKindIsThere() {
    #expect(UnigramTests.names.count >= 10)
  }

  @Test(arguments: names)
  func encodesAndDecodesAsTheReference(name: String) throws {
    let tokenizer = try UnigramTests.tokenizer(name)
    let expected = try fixture("\(name)/expected.json")
    #expect(tokenizer.vocabularySize == expected["size"]?.integerValue)
    let rows = try #require(expected["rows"]?.arrayValue)
    #expect(rows.count > 80)
    // The SentencePiece library leaves control pieces out of text, whoever asks.
    let skips = name.hasPrefix("sentencepiece")
    for row in rows {
      let ids = try #require(row["ids"]).ids
      if let text = row["text"]?.stringValue {
        #expect(tokenizer.encode(text, addSpecialTokens: false) == ids, "\(text.debugDescription)")
        #expect(tokenizer.encode(text) == row["special"]?.ids ?? ids, "\(text.debugDescription)")
      }
      let decoded = try tokenizer.decode(ids, skipSpecialTokens: skips)
      #expect(sameText(decoded, row["decoded"]?.stringValue), "\(ids) \(decoded.debugDescription)")
    }
  }

  @Test(arguments: names)
  func streamingGivesTheTextOfDecode(name: String) throws {
    let tokenizer = try UnigramTests.tokenizer(name)
    let rows = try #require(try fixture("\(name)/expected.json")["rows"]?.arrayValue)
    let skips = name.hasPrefix("sentencepiece")
    for row in rows where row["text"] != nil {
      let ids = try #require(row["ids"]).ids
      var decoder = StreamingDecoder(tokenizer, skipSpecialTokens: skips)
      var parts = ids.map { decoder.append($0) }
      parts.append(decoder.finish())
      #expect(sameText(parts.joined(), row["decoded"]?.stringValue), "\(ids)")
      #expect(parts.dropLast().allSatisfy { !$0.unicodeScalars.contains("\u{FFFD}") })
    }
  }

  @Test func aDirectoryWithASentencePieceModelOpens() throws {
    let directory = try TemporaryDirectory([
      "tokenizer_config.json": """
      {"tokenizer_class": "LlamaTokenizer", "add_eos_token": true, "bos_token": "<s>",
       "eos_token": {"content": "</s>"}, "chat_template": "{{ bos_token }}c", "legacy": false}
      """,
      "added_tokens.json": #"{"<image>": 700}"#,
    ])
    let bytes = try UnigramTests.modelBytes("sentencepiece/bpe-bytes")
    try Data(bytes).write(to: URL(filePath: directory.path + "/tokenizer.model"))
    let tokenizer = try Tokenizer(directory: directory.path)
    let plain = try Tokenizer(sentencePiece: bytes)
    #expect(tokenizer.bosToken == 1)
    #expect(tokenizer.eosToken == 2)
    #expect(tokenizer.unkToken == 0)
    #expect(tokenizer.vocabularySize == 701)
    let words = plain.encode("the fox")
    #expect(tokenizer.encode("the fox") == [1] + words + [2])
    // Special tokens are found; behind them the text goes on without a space.
    let behind = tokenizer.encode("<image>the</s>", addSpecialTokens: false)
    #expect(behind.first == 700)
    #expect(behind.last == 2)
    #expect(try tokenizer.decode(behind, skipSpecialTokens: false) == "<image>the</s>")
    #expect(try tokenizer.decode([1] + words + [2]) == "the fox")
    #expect(plain.encode("</s>").count > 1)
    let text = try tokenizer.chatTemplate?.render(messages: [], addGenerationPrompt: false)
    #expect(text == "<s>c")
    // tokenizer.json comes first.
    try Data(try fixtureText("digits/tokenizer.json").utf8).write(
      to: URL(filePath: directory.path + "/tokenizer.json"))
    #expect(try Tokenizer(directory: directory.path).vocabularySize == 420)
  }

  /// The message of the error that opening gives.
  private func message(_ body: () throws -> Tokenizer) -> String {
    do {
      _ = try body()
      return "accepted"
    } catch { return "\(error)" }
  }

  @Test func malformedUnigramFilesAreRefused() {
    func message(_ model: String, normalizer: String = "null") -> String {
      let json = #"{"normalizer": \#(normalizer), "model": {"type": "Unigram", \#(model)}}"#
      return self.message { try Tokenizer(json: Array(json.utf8), name: "t.json") }
    }
    let fine = #""vocab": [["a", -1.5]]"#
    #expect(message(fine) == "accepted")
    #expect(message(#""vocab": {"a": 1}"#).hasPrefix("t.json: model.vocab: expected a list"))
    for entry in [#"["a"]"#, #"["a", "b"]"#, #"["a", null]"#, #"["a", 1, 2]"#] {
      #expect(
        message(#""vocab": [\#(entry)]"#)
          == "t.json: model.vocab: entry 0: expected a token and its score, a finite number")
    }
    #expect(message(#""vocab": [["a", NaN]]"#).hasPrefix("t.json: not valid JSON at line 1"))
    for id in ["1", "-1"] {
      #expect(
        message(#"\#(fine), "unk_id": \#(id)"#)
          == "t.json: model.unk_id: \(id) is not an id of the 1 tokens")
    }
    func charsmap(_ text: String) -> String {
      message(fine, normalizer: #"{"type": "Precompiled", "precompiled_charsmap": "\#(text)"}"#)
    }
    let key = "t.json: normalizer.precompiled_charsmap: "
    #expect(charsmap("AAA=") == key + "2 bytes are too short, expected 4")
    #expect(charsmap("CAAAAAAA") == key + "6 bytes are too short, expected 12")
    #expect(charsmap("AgAAAAAA") == key + "a trie of 2 bytes; expected a multiple of 4, not 0")
    #expect(charsmap("!") == key + "is not Base64")
  }

  @Test func malformedSentencePieceFilesAreRefused() throws {
    func message(_ bytes: [UInt8]) -> String {
      self.message { try Tokenizer(sentencePiece: bytes, name: "m") }
    }
    let cut = "m: is not a SentencePiece model, or is cut short"
    #expect(message([]) == cut)
    #expect(message(Array("not a protocol buffer".utf8)) == cut)
    let bytes = try UnigramTests.modelBytes("sentencepiece/unigram")
    #expect(message(Array(bytes.dropLast(3))) == cut)
    /// A piece: its text, its score, its type.
    func piece(_ text: String, _ score: Float, _ type: UInt8) -> [UInt8] {
      let bits = score.bitPattern
      let body: [UInt8] =
        [0x0A, UInt8(text.utf8.count)] + Array(text.utf8) + [0x15]
        + (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) } + [0x18, type]
      return [0x0A, UInt8(body.count)] + body
    }
    let unknown = piece("<unk>", 0, 2)
    #expect(message(unknown + piece("a", -1, 1)) == "accepted")
    #expect(message(piece("a", -1, 1)) == "m: pieces: none is of the type UNKNOWN")
    #expect(message(unknown + piece("", -1, 1)) == "m: pieces[1]: is empty")
    #expect(message(unknown + unknown) == "m: pieces[1]: '<unk>' is there twice")
    #expect(message(unknown + piece("<u>", 0, 2)) == "m: pieces[1]: a second unknown piece")
    for score in [Float.nan, .infinity] {
      #expect(
        message(unknown + piece("a", score, 1))
          == "m: pieces[1]: the score of 'a' is not a finite number")
    }
    #expect(
      message(unknown + piece("<0x41>", 0, 6))
        == "m: pieces[1]: '<0x41>' is a byte in a model without bytes, or no byte")
    // trainer_spec: byte_fallback; model_type WORD. normalizer_spec: precompiled_charsmap.
    #expect(
      message(unknown + [0x12, 3, 0x98, 2, 1])
        == "m: pieces: expected a piece for each of the 256 bytes")
    #expect(
      message(unknown + [0x12, 2, 0x18, 3])
        == "m: trainer_spec.model_type: WORD is not supported; supported: UNIGRAM, BPE")
    #expect(
      message(unknown + [0x1A, 4, 0x12, 2, 1, 0])
        == "m: normalizer_spec.precompiled_charsmap: 2 bytes are too short, expected 4")
  }

  @Test(arguments: names("sentencepiece"))
  func damagedModels(name: String) throws {
    let bytes = try UnigramTests.modelBytes(name)
    var generator = FuzzTests.Generator(state: 5)
    var opened = 0
    for round in 0..<200 {
      var damaged = bytes
      if round % 8 == 0 { damaged.removeLast(Int.random(in: 1..<bytes.count, using: &generator)) }
      // The last bytes hold the settings and the rules.
      let start = round % 2 == 0 ? 0 : bytes.count * 2 / 3
      for _ in 0..<(1 + round % 5) {
        let place = Int.random(in: min(start, damaged.count - 1)..<damaged.count, using: &generator)
        damaged[place] = UInt8.random(in: 0...255, using: &generator)
      }
      guard let tokenizer = try? Tokenizer(sentencePiece: damaged) else { continue }
      opened += 1
      let ids = tokenizer.encode("The  ｆｕｌｌ 12 dogs don't é 日本 <img> mushroom soup 😀")
      _ = try tokenizer.decode(ids)
    }
    #expect(opened > 0)
  }

  @Test func damagedCharsmaps() throws {
    let bytes = Array(try fixtureText("unigram/t5/tokenizer.json").utf8)
    let key = Array(#""precompiled_charsmap":""#.utf8)
    let first = try #require(bytes.firstRange(of: key)).upperBound
    let last = try #require(bytes[first...].firstIndex(of: UInt8(ascii: "\"")))
    var generator = FuzzTests.Generator(state: 9)
    for _ in 0..<100 {
      var damaged = bytes
      for _ in 0..<20 {
        let letters = Array("ABCZaz09+/".utf8)
        let place = Int.random(in: first + 8..<last - 2, using: &generator)
        damaged[place] = letters.randomElement(using: &generator) ?? 0
      }
      let tokenizer = try Tokenizer(json: damaged)
      for text in ["ｆｕｌｌ　ｗｉｄｔｈ １２３ ㈱ ㌔ ﬀ ﬃ", "a\tb e\u{301} \u{1100}\u{1161}"] {
        _ = try tokenizer.decode(tokenizer.encode(text))
      }
    }
  }
}
