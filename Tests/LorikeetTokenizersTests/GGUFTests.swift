// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTestSupport
import LorikeetTokenizers
import Testing

/// SentencePiece's vocabularies in GGUF files, against what the SentencePiece library says of them.
@Suite struct GGUFTests {
  @Test(arguments: ["bpe-bytes", "unigram", "unigram-bytes"])
  func sentencePieceVocabulariesGiveTheReferencesIDs(name: String) throws {
    let file = try GGUFFile(path: Fixtures.path("tokenizers/gguf/\(name).gguf"))
    let tokenizer = try Tokenizer(gguf: file)
    let expected = try fixture("gguf/\(name).json")
    #expect(tokenizer.vocabularySize == expected["size"]?.integerValue)
    #expect([tokenizer.bosToken, tokenizer.eosToken, tokenizer.unkToken] == [1, 2, 0])
    let before = expected["begins"] == true ? [1] : []
    let after = expected["ends"] == true ? [2] : []
    let rows = try #require(expected["rows"]?.arrayValue)
    #expect(rows.count > 80)
    for row in rows {
      let text = try #require(row["text"]?.stringValue)
      let ids = try #require(row["ids"]).ids
      #expect(tokenizer.encode(text, addSpecialTokens: false) == ids, "\(text.debugDescription)")
      #expect(tokenizer.encode(text) == before + ids + after)
    }
    // Nothing is lost but what normalisation takes.
    if name == "bpe-bytes" {
      let text = "the  dog é 日\n<img>"
      #expect(try tokenizer.decode(tokenizer.encode(text)) == text)
    }
  }

  private func message(_ values: [(key: String, value: GGUFWriter.Value)]) throws -> String {
    let directory = try TemporaryDirectory([:])
    let path = directory.path + "/x.gguf"
    try GGUFWriter.write(
      values.map { ("tokenizer.ggml.\($0.key)", $0.value) }, tensors: [], to: path)
    do {
      _ = try Tokenizer(gguf: GGUFFile(path: path))
      return "accepted"
    } catch { return "\(error)".replacingOccurrences(of: path, with: "x") }
  }

  @Test func filesThatDoNotFitAreRefused() throws {
    typealias Values = [(key: String, value: GGUFWriter.Value)]
    let model: Values = [("model", .string("llama")), ("tokens", .strings(["<unk>", "a"]))]
    let scores: Values = [("scores", .float32s([0, -1]))]
    let types: Values = [("token_type", .int32s([2, 1]))]
    #expect(try message(model + scores + types) == "accepted")
    #expect(try message([("model", .string("bert"))]).contains("bert is not supported"))
    #expect(try message(model + types) == "x: key tokenizer.ggml.scores is missing")
    #expect(
      try message(model + types + [("scores", .float32s([1]))])
        == "x: tokenizer.ggml.scores: expected 2 values, one a token, found 1")
    #expect(
      try message(model + scores + [("token_type", .int32s([2, 9]))])
        == "x: tokenizer.ggml.token_type: 9 is no kind of token")
    #expect(
      try message(model + scores + [("token_type", .int32s([1, 1]))])
        == "x: tokenizer.ggml.unknown_token_id: there is no unknown token")
    #expect(
      try message(
        model + scores + [("token_type", .int32s([3, 1])), ("unknown_token_id", .uint32(0))])
        == "accepted")
    #expect(
      try message(model + types + [("scores", .float32s([0, .nan]))])
        == "x: pieces[1]: the score of 'a' is not a finite number")
    #expect(
      try message(model + scores + [("token_type", .int32s([2, 6]))])
        .hasPrefix("x: pieces[1]: 'a' is a byte"))
  }
}
