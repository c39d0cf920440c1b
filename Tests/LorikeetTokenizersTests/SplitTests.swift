// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import LorikeetTokenizers
import Testing

/// How texts are cut into pieces, against the reference library.
@Suite struct SplitTests {
  @Test func namesInGGUFFilesSplitAsTheirFamilies() throws {
    let groups = try #require(try fixture("splits.json")["gguf"]?.arrayValue)
    #expect(groups.count > 12)
    for group in groups {
      let name = try #require(group["name"]?.stringValue)
      for row in try #require(group["rows"]).elements {
        let text = try #require(row["text"]?.stringValue)
        let pieces = try TokenizerInspection.pieces(of: text, ggufPreTokenizer: name)
        expectSame(pieces, row["pieces"], "\(name): \(text.debugDescription)")
      }
    }
  }

  @Test func patternsOfFilesHaveNames() throws {
    for (name, pattern) in [("llama3", "llama-bpe"), ("qwen2", "qwen2"), ("o200k", "gpt-4o")] {
      let file = try fixture("\(name)/tokenizer.json")
      let members = try #require(file["pre_tokenizer"]?["pretokenizers"]).elements
      let source = try #require(members.first?["pattern"]?["Regex"]?.stringValue)
      let composes = file["normalizer"]?["type"] == "NFC"
      #expect(GGUFPreTokenizerName.forPattern(source, composes: composes) == pattern)
      #expect(GGUFPreTokenizerName.forPattern(source + "|x", composes: composes) == nil)
    }
  }

  @Test func regularExpressionsMatchAsTheReference() throws {
    let groups = try #require(try fixture("splits.json")["patterns"]?.arrayValue)
    #expect(groups.count > 30)
    var own = 0
    for group in groups {
      let pattern = try #require(group["pattern"]?.stringValue)
      if TokenizerInspection.isSplitRegex(pattern) { own += 1 }
      for row in try #require(group["rows"]).elements {
        let text = try #require(row["text"]?.stringValue)
        let pieces = try TokenizerInspection.pieces(
          of: text,
          preTokenizer: [
            "type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated",
          ])
        expectSame(pieces, row["pieces"], "\(pattern): \(text.debugDescription)")
      }
    }
    // The rest is left to Foundation's engine.
    #expect(own > 25)
  }

  @Test func hostileExpressionsEnd() throws {
    let start = ContinuousClock.now
    for pattern in [
      "(?:(?:a?){32}){32}b", "(?:a|a|a){32}b", #"\s*\s*\s*\s*\s*\s*x"#,
      String(repeating: "(", count: 1000), "a{99999}{99999}", "[", #"\p{"#, "a{3,1}",
    ] {
      _ = try? TokenizerInspection.pieces(
        of: String(repeating: "a", count: 6) + String(repeating: " ", count: 40),
        preTokenizer: [
          "type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated",
        ])
    }
    #expect(ContinuousClock.now - start < .seconds(60))
  }

  private func expectSame(_ pieces: [String], _ expected: TemplateValue?, _ comment: String) {
    let expected = (expected?.elements ?? []).compactMap(\.stringValue)
    let isSame =
      pieces.count == expected.count && zip(pieces, expected).allSatisfy { sameText($0, $1) }
    #expect(isSame, "\(comment): \(pieces), expected \(expected)")
  }
}
