// SPDX-License-Identifier: Apache-2.0

import LorikeetTestSupport
import LorikeetTokenizers
import Testing

@Suite struct BPETrainerTests {
  /// aab aab aab ab: the pairs are aa (3), ab (4): first ab, then a + ab (3).
  @Test func mergesTheMostFrequentPairFirst() throws {
    var trainer = BPETrainer(vocabularySize: 300, specialTokens: ["<s>"])
    trainer.minimumFrequency = 3
    let tokenizer = try Tokenizer(json: Array(try trainer.train(["aab", "aab", "aab", "ab"]).utf8))
    #expect(tokenizer.vocabularySize == 259)
    #expect(tokenizer.token(of: 0) == "<s>")
    #expect(tokenizer.token(of: 257) == "ab")
    #expect(tokenizer.token(of: 258) == "aab")
    #expect(tokenizer.encode("aab<s>ab") == [258, 0, 257])
  }

  @Test(arguments: BPETrainer.Splitting.allCases)
  func decodesWhatItEncodes(splitting: BPETrainer.Splitting) throws {
    let texts = try #require(try fixture("digits/expected.json")["rows"]).elements
      .compactMap { $0["text"]?.stringValue }
    var trainer = BPETrainer(vocabularySize: 400, specialTokens: ["<|im_start|>", "<|im_end|>"])
    trainer.splitting = splitting
    let json = try trainer.train(texts)
    #expect(try trainer.train(texts) == json)
    let tokenizer = try Tokenizer(json: Array(json.utf8))
    #expect(tokenizer.vocabularySize == 400)
    for text in texts {
      let ids = tokenizer.encode(text)
      #expect(sameText(try tokenizer.decode(ids, skipSpecialTokens: false), text))
      #expect(ids.count <= text.utf8.count)
    }
  }

  @Test func impossibleSettingsAreRefused() {
    #expect(throws: TokenizerError.self) {
      try BPETrainer(vocabularySize: 256, specialTokens: ["<s>"]).train([])
    }
    for tokens in [[""], ["<s>", "<s>"], ["a"]] {
      #expect(throws: TokenizerError.self) {
        try BPETrainer(vocabularySize: 300, specialTokens: tokens).train([])
      }
    }
  }
}
