// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import Testing

/// `lorikeet debug tokenize` against the reference library; the directories hold nothing but a
/// tokenizer.json.
@Suite struct DebugTokenizeTests {
  private struct Expected: Decodable {
    struct Row: Decodable {
      let text: String?
      let ids: [Int]
      let special: [Int]?
      let decoded: String?
    }
    let rows: [Row]
  }
  private struct Line: Decodable {
    let text: String
    let ids: [Int]
    let tokens: [String]
    let decoded: String
  }

  private func rows(_ name: String) throws -> [Expected.Row] {
    let json = try Data(
      contentsOf: URL(filePath: Fixtures.path("tokenizers/\(name)/expected.json")))
    return try JSONDecoder().decode(Expected.self, from: json).rows.filter { $0.text != nil }
  }

  @Test(arguments: ["digits", "gpt2", "llama2"])
  func linesOfAFileBecomeLinesOfIds(name: String) throws {
    // A line of a file cannot hold line feeds; each row is one line.
    let rows = try rows(name).filter { !($0.text ?? "").utf8.contains(0x0A) }
    #expect(rows.count > 50)
    try withTemporaryDirectory { directory in
      let path = directory + "/texts"
      try rows.map { ($0.text ?? "") + "\n" }.joined()
        .write(toFile: path, atomically: true, encoding: .utf8)
      let model = Fixtures.path("tokenizers/\(name)")
      let plain = try Command.run("debug", "tokenize", "--model", model, "--file", path)
      #expect(plain.status == 0)
      #expect(plain.errors == "")
      #expect(
        plain.output
          == rows.map { $0.ids.map(String.init).joined(separator: " ") + "\n" }.joined())

      let special = try Command.run(
        "debug", "tokenize", "--model", model, "--file", path, "--add-special-tokens")
      #expect(
        special.output
          == rows.map {
            ($0.special ?? []).map(String.init).joined(separator: " ") + "\n"
          }.joined())

      let json = try Command.run("debug", "tokenize", "--model", model, "--file", path, "--json")
      let lines = try json.output.utf8.split(separator: 0x0A).map {
        try JSONDecoder().decode(Line.self, from: Data($0))
      }
      #expect(lines.count == rows.count)
      for (line, row) in zip(lines, rows) {
        #expect(line.text.utf8.elementsEqual((row.text ?? "").utf8))
        #expect(line.ids == row.ids)
        #expect(line.tokens.count == row.ids.count)
        if let decoded = row.decoded { #expect(line.decoded == decoded) }
      }
    }
  }

  @Test func textsMayBeEmptyBeginWithADashAndHoldLineFeeds() throws {
    let model = Fixtures.path("tokenizers/digits")
    #expect(try Command.run("debug", "tokenize", "--model", model, "--text", "").output == "\n")
    for text in ["--json", "-7", "a\n\nb\r\n"] {
      let run = try Command.run("debug", "tokenize", "--json", "--model", model, "--text", text)
      let line = try JSONDecoder().decode(Line.self, from: Data(run.output.utf8))
      #expect(line.text == text)
      #expect(line.decoded == text)
    }
  }
}
