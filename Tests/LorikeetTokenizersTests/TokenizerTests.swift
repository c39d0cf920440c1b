// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTestSupport
import LorikeetTokenizers
import Testing

/// A directory that is removed with the test.
final class TemporaryDirectory {
  let path: String

  init(_ files: [String: String]) throws {
    path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for (name, text) in files {
      try Data(text.utf8).write(to: URL(filePath: path + "/" + name))
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

func fixtureText(_ name: String) throws -> String {
  try String(contentsOfFile: Fixtures.path("tokenizers/\(name)"), encoding: .utf8)
}

@Suite struct TokenizerTests {
  @Test func aDirectoryTellsTheSpecialTokensAndTemplates() throws {
    let directory = try TemporaryDirectory([
      "tokenizer.json": try fixtureText("digits/tokenizer.json"),
      "tokenizer_config.json": """
      {"bos_token": {"content": "<|im_start|>", "lstrip": false}, "eos_token": "<|im_end|>",
       "pad_token": null, "chat_template": [{"name": "default", "template": "{{ bos_token }}d"},
       {"name": "tool_use", "template": "{{ eos_token }}t"}],
       "added_tokens_decoder": {"0": {"content": "<|endoftext|>", "special": true},
       "420": {"content": "<image>", "special": true, "normalized": false}}}
      """,
      "special_tokens_map.json": #"{"pad_token": "<|endoftext|>", "unk_token": "nowhere"}"#,
    ])
    let tokenizer = try Tokenizer(directory: directory.path)
    #expect(tokenizer.bosToken == 1)
    #expect(tokenizer.eosToken == 2)
    #expect(tokenizer.padToken == 0)
    #expect(tokenizer.unkToken == nil)
    #expect(tokenizer.id(of: "<image>") == 420)
    #expect(tokenizer.vocabularySize == 421)
    #expect(tokenizer.encode("<image>") == [420])
    #expect(tokenizer.isSpecial(420))
    let render = { (template: ChatTemplate?) in
      try template?.render(messages: [], addGenerationPrompt: false)
    }
    #expect(try render(tokenizer.chatTemplate) == "<|im_start|>d")
    #expect(try render(tokenizer.chatTemplates["tool_use"]) == "<|im_end|>t")
  }

  @Test func aTemplateFileComesFirstAndABadOneFailsWhenRendered() throws {
    let directory = try TemporaryDirectory([
      "tokenizer.json": try fixtureText("digits/tokenizer.json"),
      "chat_template.json": #"{"chat_template": "json"}"#, "chat_template.jinja": "\n{% foo %}",
    ])
    let tokenizer = try Tokenizer(directory: directory.path)
    let error = #expect(throws: TokenizerError.self) {
      try tokenizer.chatTemplate?.render(messages: [], addGenerationPrompt: false)
    }
    #expect(
      error?.description
        == "\(directory.path)/chat_template.jinja: line 2: the block 'foo' is not supported")
  }

  @Test func ggufArraysGiveTheSameTokenizer() throws {
    for (name, pre) in [("digits", "smollm"), ("llama3", "llama-bpe"), ("qwen2", "qwen2")] {
      let file = try fixture("\(name)/tokenizer.json")
      let vocabulary = try #require(file["model"]?["vocab"]?.objectValue)
      var tokens = [String](repeating: "", count: vocabulary.count)
      for (token, id) in zip(vocabulary.keys, vocabulary.values) {
        tokens[try #require(id.integerValue)] = token
      }
      let merges = try #require(file["model"]?["merges"]).elements.map {
        $0.elements.compactMap(\.stringValue).joined(separator: " ")
      }
      let types = tokens.indices.map { $0 < 3 ? 3 : 1 }
      let tokenizer = try Tokenizer(
        gguf: tokens, merges: merges, types: types, preTokenizer: pre, bosToken: 1, eosToken: 2,
        unkToken: 99999, addsBOS: true, chatTemplate: "{{ bos_token }}")
      #expect(tokenizer.unkToken == nil)
      for row in try #require(try fixture("\(name)/expected.json")["rows"]).elements {
        guard let text = row["text"]?.stringValue else { continue }
        #expect(tokenizer.encode(text, addSpecialTokens: false) == row["ids"]?.ids)
        #expect(tokenizer.encode(text).first == 1)
      }
      #expect(
        try tokenizer.chatTemplate?.render(messages: [], addGenerationPrompt: false)
          == "<|im_start|>")
    }
  }

  @Test func ggufArraysThatDoNotFitAreRefused() {
    func message(_ tokens: [String], _ merges: [String], _ types: [Int], _ pre: String) -> String {
      do {
        _ = try Tokenizer(gguf: tokens, merges: merges, types: types, preTokenizer: pre, name: "m")
        return "accepted"
      } catch { return error.description }
    }
    #expect(
      message(["a"], [], [], "gpt2")
        == "m: tokenizer.ggml.token_type: expected 1 values, one a token, found 0")
    #expect(message([], [], [], "klingon").hasPrefix("m: tokenizer.ggml.pre: klingon is not supp"))
    #expect(
      message(["a", "b"], ["a b"], [1, 1], "gpt2")
        == "m: tokenizer.ggml.merges: merge 0: makes 'ab', which is not in the vocabulary")
    #expect(message(["a"], ["a"], [1], "gpt2").contains("one space between"))
  }

  @Test func errorsNameFileAndCause() {
    func message(_ json: String) -> String {
      do {
        _ = try Tokenizer(json: Array(json.utf8), name: "t.json")
        return "accepted"
      } catch { return error.description }
    }
    let model = #""model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}"#
    #expect(message("{\(model)}") == "accepted")
    #expect(message("") == "t.json: not valid JSON at line 1: expected an object")
    #expect(message("{}") == "t.json: model: is missing; is this a tokenizer.json?")
    #expect(
      message(#"{"model": {"type": "WordPiece", "vocab": {}}}"#)
        == "t.json: model.type: WordPiece is not supported; supported: BPE, Unigram")
    #expect(
      message(#"{"normalizer": {"type": "BertNormalizer"}, \#(model)}"#)
        .hasPrefix("t.json: normalizer.type: BertNormalizer is not supported; supported: NFC"))
    #expect(
      message(
        #"{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "X"}]}, \#(model)}"#
      )
      .hasPrefix("t.json: pre_tokenizer.pretokenizers[0].type: X is not supported"))
    #expect(
      message(
        #"{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"}, \#(model)}"#
      ) == "t.json: pre_tokenizer.pattern.Regex: the regular expression ( is not supported")
    #expect(
      message(#"{"model": {"dropout": 0.1, "vocab": {}, "merges": []}}"#)
        == "t.json: model.dropout: merging at random is not supported")
    #expect(
      message(#"{"model": {"vocab": {"a": -1}, "merges": []}}"#).contains("the id -1 of 'a'"))
    #expect(
      message(#"{"model": {"vocab": {"a": 99999999999}, "merges": []}}"#).contains("99999999999"))
    #expect(
      message(#"{"model": {"vocab": {"a": 0}, "merges": ["a b"]}}"#)
        == "t.json: model.merges: merge 0: has a part that is not in the vocabulary")
    let missing = #expect(throws: TokenizerError.self) { try Tokenizer(directory: "/nowhere") }
    #expect(
      missing?.description == "/nowhere/tokenizer.json: cannot open: No such file or directory")
  }

  @Test func idsThatNoTokenHasAreRefusedByDecode() throws {
    let tokenizer = try Tokenizer(file: Fixtures.path("tokenizers/digits/tokenizer.json"))
    let error = #expect(throws: TokenizerError.self) { try tokenizer.decode([3, 1_000_000]) }
    #expect(error?.description == "token id 1000000 is not in the vocabulary of 420 tokens")
    #expect(throws: TokenizerError.self) { try tokenizer.decode([-1]) }
    #expect(throws: TokenizerError.self) { try tokenizer.decode([.max]) }
    #expect(tokenizer.token(of: -5) == nil)
    #expect(tokenizer.id(of: "no such token") == nil)
  }

  @Test func streamingHoldsBackHalfCharacters() throws {
    let tokenizer = try Tokenizer(file: Fixtures.path("tokenizers/digits/tokenizer.json"))
    // Bytes have ids from 3 on, in the order of their printable characters, and this emoji has
    // four.
    let ids = tokenizer.encode("😀", addSpecialTokens: false)
    #expect(ids.count == 4)
    var decoder = StreamingDecoder(tokenizer)
    #expect(ids.map { decoder.append($0) } == ["", "", "", "😀"])
    #expect(decoder.append(ids[0]) == "")
    #expect(decoder.append(2) == "")
    #expect(decoder.finish() == "\u{FFFD}")
    #expect(decoder.append(9_999_999) == "")
    #expect(decoder.finish() == "")
  }

  @Test func streamingWaitsForTheEndOfARunOfByteTokens() throws {
    let tokenizer = try Tokenizer(file: Fixtures.path("tokenizers/llama2/tokenizer.json"))
    let byte = { (name: String) in try #require(tokenizer.id(of: name)) }
    // An O is an O, but not before a byte that makes the run no UTF-8.
    let ids = [try byte("<0x4F>"), try byte("<0xCC>"), try byte("a"), try byte("<0x4F>")]
    var decoder = StreamingDecoder(tokenizer)
    let parts = ids.map { decoder.append($0) } + [decoder.finish()]
    #expect(parts == ["", "", "\u{FFFD}\u{FFFD}a", "", "O"])
    #expect(try tokenizer.decode(ids) == parts.joined())
  }

  @Test func cleaningUpSpacesIsTheSameInAStream() throws {
    let directory = try TemporaryDirectory([
      "tokenizer.json": try fixtureText("gpt2/tokenizer.json"),
      "tokenizer_config.json": """
      {"clean_up_tokenization_spaces": true,
       "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": true}
      """,
    ])
    let tokenizer = try Tokenizer(directory: directory.path)
    for (text, cleaned) in [
      ("a , 's b 'scipy", "a,'s b'scipy"), ("it 's   . we 've ' n't", "it's  . we've'n't"),
      ("x ' y ' s", "x'y's"), ("no end ", "no end "),
    ] {
      let ids = tokenizer.encode(text, addSpecialTokens: false)
      let whole = try tokenizer.decode(ids)
      #expect(whole == " " + cleaned || whole == cleaned, "\(whole)")
      var decoder = StreamingDecoder(tokenizer)
      #expect(ids.map { decoder.append($0) }.joined() + decoder.finish() == whole)
    }
  }

  @Test func aGGUFFileIsADirectorysTokenizer() throws {
    let directory = try TemporaryDirectory([:])
    let path = directory.path + "/model.gguf"
    let tokens = ["<|bos|>", "a", "b", "Ġ", "ab", "Ġa"]
    func write(_ changes: [(String, GGUFWriter.Value)]) throws {
      var values: [(String, GGUFWriter.Value)] = [
        ("general.architecture", .string("llama")), ("tokenizer.ggml.model", .string("gpt2")),
        ("tokenizer.ggml.pre", .string("gpt-2")), ("tokenizer.ggml.tokens", .strings(tokens)),
        ("tokenizer.ggml.merges", .strings(["a b", "Ġ a"])),
        ("tokenizer.ggml.token_type", .int32s([3, 1, 1, 1, 1, 1])),
        ("tokenizer.ggml.bos_token_id", .uint32(0)), ("tokenizer.ggml.add_bos_token", .bool(true)),
        ("tokenizer.chat_templates", .strings(["tool_use"])),
        ("tokenizer.chat_template.tool_use", .string("{{ bos_token }}t")),
      ]
      for (key, value) in changes {
        values.removeAll { $0.0 == key }
        values.append((key, value))
      }
      try GGUFWriter.write(
        values.map { (key: $0.0, value: $0.1) }, tensors: [], to: path)
    }
    try write([])
    let tokenizer = try Tokenizer(directory: directory.path)
    #expect(tokenizer.encode("ab a<|bos|>") == [0, 4, 5, 0])
    #expect(try tokenizer.decode([0, 4, 5]) == "ab a")
    #expect(tokenizer.bosToken == 0)
    #expect(
      try tokenizer.chatTemplates["tool_use"]?.render(messages: [], addGenerationPrompt: false)
        == "<|bos|>t")
    #expect(tokenizer.chatTemplate == nil)

    func message() -> String {
      do {
        _ = try Tokenizer(directory: directory.path)
        return "accepted"
      } catch { return error.description }
    }
    try write([("tokenizer.ggml.model", .string("bert"))])
    #expect(
      message()
        == "\(path): tokenizer.ggml.model: bert is not supported; supported: gpt2, llama, t5")
    try write([("tokenizer.ggml.tokens", .uint32(3))])
    #expect(message() == "\(path): tokenizer.ggml.tokens: is not an array of strings")
    try Data("GGUF".utf8).write(to: URL(filePath: path))
    #expect(message().hasPrefix(path + ": "))
  }

  @Test func longPiecesMergeAsShortOnesDo() throws {
    // The heap and the scan must agree: one word of 5,000 letters, cut into words of 50 it is
    // merged by the scan; runs of one letter merge in pairs either way.
    let tokenizer = try Tokenizer(
      json: Array(
        #"{"model": {"vocab": {"a": 0, "b": 1, "aa": 2, "aaaa": 3, "ab": 4}, "merges": ["a a", "aa aa", "a b"]}}"#
          .utf8))
    let short = tokenizer.encode(String(repeating: "a", count: 48) + "b")
    let long = tokenizer.encode(String(repeating: "a", count: 4800) + "b")
    #expect(short == Array(repeating: 3, count: 12) + [1])
    #expect(long == Array(repeating: 3, count: 1200) + [1])
  }

  @Test func threadsShareATokenizer() async throws {
    let tokenizer = try Tokenizer(file: Fixtures.path("tokenizers/llama3/tokenizer.json"))
    let rows = try #require(try fixture("llama3/expected.json")["rows"]).elements
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          rows.allSatisfy { row in
            row["text"]?.stringValue.map {
              tokenizer.encode($0, addSpecialTokens: false) == row["ids"]?.ids
            } ?? true
          }
        }
      }
      for await isRight in group { #expect(isRight) }
    }
  }
}
