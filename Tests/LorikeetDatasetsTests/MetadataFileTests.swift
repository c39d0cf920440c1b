// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetDatasets
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct MetadataFileTests {
  @Test func readsEveryColumn() throws {
    let scratch = try Scratch([
      "metadata.jsonl": """
      {"file_name": "a/1.png", "text": "A red star.", "label": "sky", "split": "train"}

      {"file_name": "2.png", "caption": "Käfer \\u00fc", "label": 7, "split": "val", "more": [1]}
      {"file_name": null, "text": "words alone"}
      {"file_name": "2.png"}
      """
    ])
    let set = try Dataset(path: scratch.path + "/")
    #expect(
      set.samples == [
        Sample(
          id: "a/1.png", imagePath: scratch.path + "/a/1.png", text: "A red star.", label: "sky",
          split: "train"),
        Sample(
          id: "2.png", imagePath: scratch.path + "/2.png", text: "Käfer ü", label: "7",
          split: "validation"),
        Sample(id: "line-4", text: "words alone"),
        Sample(id: "2.png#2", imagePath: scratch.path + "/2.png"),
      ])
    #expect(set.labels == ["7", "sky"])
    #expect(set.split("dev").samples.map(\.id) == ["2.png"])
    #expect(set.split("train").samples.count == 3)
    #expect(set.directory == scratch.path)
    #expect(set.missingImages().count == 3)
  }

  @Test func acceptsAByteOrderMarkAndCarriageReturns() throws {
    let scratch = try Scratch([
      "metadata.jsonl": "\u{FEFF}{\"file_name\": \"a.png\"}\r\n\r\n{\"file_name\": \"b.png\"}\r\n"
    ])
    #expect(try Dataset(path: scratch.path).samples.map(\.id) == ["a.png", "b.png"])
  }

  @Test func readsMetadataOfEachSplitDirectory() throws {
    let line = "{\"file_name\": \"a.png\"}"
    let scratch = try Scratch(["train/metadata.jsonl": line, "val/metadata.jsonl": line])
    let set = try Dataset(path: scratch.path)
    #expect(set.samples.map(\.id) == ["train/a.png", "val/a.png"])
    #expect(set.samples.map(\.split) == ["train", "validation"])
    #expect(set.samples[1].imagePath == scratch.path + "/val/a.png")
  }

  @Test func quotingAgreesWithPython() throws {
    let set = try Dataset(path: Fixtures.path("datasets/quoting.csv"))
    let rows = set.samples.map { [$0.id, $0.text, $0.label, $0.split] }
    #expect(
      rows == [
        ["a.png", "plain", "one", "train"],
        ["b, c.png", "says \"hello\", twice", "two", "validation"],
        ["d.png", "two\nlines", "one", "test"],
        ["ü/é.png", "Käfer 🐞", "drei", "train"],
        ["e.png", nil, nil, nil],
      ])
  }

  @Test func namesTheLineThatIsNotJSON() throws {
    let good = "{\"file_name\": \"a.png\"}\n"
    let lines = String(repeating: good, count: 16)
    #expect(
      try message(["metadata.jsonl": lines + "not json\n" + good])
        == "metadata.jsonl:17: not JSON: expected one object a line")
    #expect(
      try message(["metadata.jsonl": good + "{\"file_name\": \"b"])
        == "metadata.jsonl:2: not JSON: expected one object a line")
    #expect(
      try message(["metadata.jsonl": "[1]"]) == "metadata.jsonl:1: is not one object a line")
  }

  @Test(arguments: [
    ("{\"text\": \"x\"}", "metadata.jsonl:1: has no file_name"),
    (
      "{\"file_name\": null}",
      "metadata.jsonl:1: names neither a picture (file_name) nor a text"
    ),
    ("{\"file_name\": 3}", "metadata.jsonl:1: file_name is not text"),
    ("{\"file_name\": \"a\", \"label\": [1]}", "metadata.jsonl:1: label is not text"),
    ("\n", "metadata.jsonl: has no samples"),
    (
      "{\"file_name\": \"../a.png\"}",
      "metadata.jsonl:1: file name \"../a.png\" leaves the data set's directory"
    ),
    (
      "{\"file_name\": \"b/../../c/a.png\"}",
      "metadata.jsonl:1: file name \"b/../../c/a.png\" leaves the data set's directory"
    ),
    (
      "{\"file_name\": \"/etc/passwd\"}",
      "metadata.jsonl:1: file name \"/etc/passwd\" is absolute, expected one relative to the data "
        + "set's directory"
    ),
    ("{\"file_name\": \"\"}", "metadata.jsonl:1: file name \"\" is not a file name"),
    ("{\"file_name\": \"b/..\"}", "metadata.jsonl:1: file name \"b/..\" is not a file name"),
  ])
  func refuses(line: String, expected: String) throws {
    #expect(try message(["metadata.jsonl": line]) == expected)
  }

  @Test(arguments: [
    ("", "metadata.csv:1: is empty, expected a header with file_name"),
    ("name,text\na,b\n", "metadata.csv:1: the header has no file_name column"),
    ("file_name,text\na.png\n", "metadata.csv:2: has 1 fields, expected 2"),
    ("file_name,text\na.png,\"b\nc\n", "metadata.csv:2: a quoted field does not end"),
    (
      "file_name,text\n\"a\nb\",c\nx,y\"z\n",
      "metadata.csv:4: a quote inside a field that does not begin with one"
    ),
    (
      "file_name,text\n\"a\"b,c\n",
      "metadata.csv:2: text after a closing quote, expected a comma"
    ),
  ])
  func refusesTable(text: String, expected: String) throws {
    #expect(try message(["metadata.csv": text]) == expected)
  }

  @Test func arbitraryBytesNeverTrap() throws {
    var random = RandomStream(seed: 5)
    let alphabet = Array("{}[]\"\\:,\n\r a1file_name\u{0}é".utf8)
    for _ in 0..<300 {
      let bytes = (0..<Int(random.next() % 80)).map { _ in
        alphabet[Int(random.next() % UInt64(alphabet.count))]
      }
      let text = String(decoding: bytes, as: UTF8.self)
      _ = try message(["metadata.jsonl": text])
      _ = try message(["metadata.csv": "file_name,text\n" + text])
    }
  }

  @Test func writesWhatItReads() throws {
    let scratch = try Scratch(["x": ""])
    let samples = [
      Sample(
        id: "a.png", imagePath: scratch.path + "/a.png",
        text: "tab\t\"quoted\" \\ \u{1} line\nü", label: "l", split: "test"),
      Sample(id: "line-2", text: "alone"),
    ]
    try MetadataFile.write(samples, to: scratch.path)
    #expect(try Dataset(path: scratch.path).samples == samples)
    let text = try String(contentsOfFile: scratch.path + "/metadata.jsonl", encoding: .utf8)
    #expect(
      text == """
        {"file_name": "a.png", "text": "tab\\t\\"quoted\\" \\\\ \\u0001 line\\nü", \
        "label": "l", "split": "test"}
        {"file_name": null, "text": "alone"}

        """)
    #expect(throws: DatasetError.self) {
      try MetadataFile.lines([Sample(id: "", imagePath: "/else/a.png")], relativeTo: scratch.path)
    }
  }
}
