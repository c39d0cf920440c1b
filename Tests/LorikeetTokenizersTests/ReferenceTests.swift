// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import LorikeetTokenizers
import Testing

/// Reads a JSON fixture.
func fixture(_ name: String) throws -> TemplateValue {
  let path = Fixtures.path("tokenizers/\(name)")
  return try JSONReader.parse(Array(try Data(contentsOf: URL(filePath: path))), file: path)
}

extension TemplateValue {
  subscript(key: String) -> TemplateValue? { objectValue?[key] }
  var ids: [Int] { arrayValue?.compactMap(\.integerValue) ?? [] }
  var elements: [TemplateValue] { arrayValue ?? [] }
}

/// Small tokenizers, each of another make, against what the reference library says of the same
/// file.
@Suite struct ReferenceTests {
  static let names = [
    "digits", "gpt2", "llama3", "qwen2", "o200k", "metaspace", "llama2", "clip", "words",
  ]

  @Test(arguments: names)
  func encodesAndDecodesAsTheReference(name: String) throws {
    let tokenizer = try Tokenizer(file: Fixtures.path("tokenizers/\(name)/tokenizer.json"))
    let expected = try fixture("\(name)/expected.json")
    #expect(tokenizer.vocabularySize == expected["size"]?.integerValue)
    let rows = try #require(expected["rows"]?.arrayValue)
    #expect(rows.count > 100)
    for row in rows {
      let ids = try #require(row["ids"]).ids
      if let text = row["text"]?.stringValue {
        #expect(tokenizer.encode(text, addSpecialTokens: false) == ids, "\(text.debugDescription)")
        #expect(tokenizer.encode(text) == row["special"]?.ids, "\(text.debugDescription)")
      }
      let decoded = try tokenizer.decode(ids, skipSpecialTokens: false)
      #expect(sameText(decoded, row["decoded"]?.stringValue), "\(ids)")
      #expect(sameText(try tokenizer.decode(ids), row["skipped"]?.stringValue), "\(ids)")
    }
  }

  @Test(arguments: names)
  func streamingGivesTheTextOfDecode(name: String) throws {
    let tokenizer = try Tokenizer(file: Fixtures.path("tokenizers/\(name)/tokenizer.json"))
    let rows = try #require(try fixture("\(name)/expected.json")["rows"]?.arrayValue)
    for row in rows where row["text"] != nil {
      let ids = try #require(row["ids"]).ids
      // A last part without a separator between tokens cannot be known before the end.
      if name == "clip" || name == "words" { continue }
      var decoder = StreamingDecoder(tokenizer, skipSpecialTokens: false)
      var parts = ids.map { decoder.append($0) }
      parts.append(decoder.finish())
      #expect(sameText(parts.joined(), row["decoded"]?.stringValue), "\(ids)")
      #expect(parts.dropLast().allSatisfy { !$0.unicodeScalars.contains("\u{FFFD}") })
    }
  }

  @Test func preTokenizersSplitAsTheReference() throws {
    let rows = try #require(try fixture("steps.json")["pre_tokenizers"]?.arrayValue)
    #expect(rows.count > 500)
    for row in rows {
      let description = try #require(row["pre_tokenizer"])
      let text = try #require(row["text"]?.stringValue)
      let pieces = try TokenizerInspection.pieces(of: text, preTokenizer: description)
      let expected = try #require(row["pieces"]).elements.compactMap(\.stringValue)
      #expect(
        pieces.count == expected.count && zip(pieces, expected).allSatisfy { sameText($0, $1) },
        "\(text.debugDescription) by \(description): \(pieces), expected \(expected)")
    }
  }

  @Test func normalizersRewriteAsTheReference() throws {
    let rows = try #require(try fixture("steps.json")["normalizers"]?.arrayValue)
    #expect(rows.count > 300)
    for row in rows {
      let description = try #require(row["normalizer"])
      let text = try #require(row["text"]?.stringValue)
      let normalized = try TokenizerInspection.normalized(text, normalizer: description)
      #expect(
        sameText(normalized, row["normalized"]?.stringValue),
        "\(text.debugDescription) by \(description)")
    }
  }
}

/// Equality of scalars; `==` takes canonically equivalent strings for equal.
func sameText(_ left: String, _ right: String?) -> Bool {
  right.map { left.utf8.elementsEqual($0.utf8) } ?? false
}
