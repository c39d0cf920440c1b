// SPDX-License-Identifier: Apache-2.0

import LorikeetTokenizers
import Testing

@Suite struct JSONReaderTests {
  @Test(arguments: [
    #"{"a": [1, "}]"], "b": {"\"}": "\\"}}"#, #"["\\\"]", [[], {}]]"#, "[]", #""]""#, "-1.5e3",
    "null",
  ])
  func skippedValueEndsWhereItsBracketsDo(value: String) throws {
    var reader = try JSONReader(Array("[\(value) , 7]".utf8), file: "x.json")
    var last: Int?
    try reader.forEachElement { reader throws(TokenizerError) in
      last = reader.position
      if last == 1 { try reader.skipValue() } else { last = try reader.readInteger() }
    }
    #expect(last == 7)
    try reader.expectEnd()
  }

  @Test(arguments: [#"{"a": [1, 2}"#, #"["]"#, #"["\"]"#, #"["\"#, "["])
  func valueThatDoesNotEndIsRefused(text: String) throws {
    var reader = try JSONReader(Array(text.utf8), file: "x.json")
    #expect(throws: TokenizerError.self) {
      try reader.skipValue()
      try reader.expectEnd()
      // Brackets of the wrong kind are found when the value is read.
      reader.position = 0
      _ = try reader.readValue()
    }
  }

  @Test(arguments: [
    ("0", 0), ("-7", -7), ("123456789012345678", 123_456_789_012_345_678),
    ("-9223372036854775808", Int.min), ("9223372036854775807", Int.max),
  ])
  func integers(text: String, value: Int) throws {
    var reader = try JSONReader(Array(text.utf8), file: "x.json")
    #expect(try reader.readInteger() == value)
  }

  @Test(arguments: ["1-2", "--1", "-", "9223372036854775808", "1.5", "1e400"])
  func whatIsNoIntegerIsRefused(text: String) throws {
    var reader = try JSONReader(Array(text.utf8), file: "x.json")
    #expect(throws: TokenizerError.self) { try reader.readInteger() }
  }
}
