// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import Testing

struct JSONFileTests {
  private struct Configuration: Decodable {
    struct Vision: Decodable {
      let hiddenSize: Int

      enum CodingKeys: String, CodingKey {
        case hiddenSize = "hidden_size"
      }
    }
    let vision: Vision
    let epsilon: Double
    let tie: Bool?

    enum CodingKeys: String, CodingKey {
      case vision = "vision_config"
      case epsilon = "rms_norm_eps"
      case tie
    }
  }

  private func decode(_ text: String) throws -> Configuration {
    try JSONFile.decode(text: text, path: "config.json")
  }

  @Test func decodes() throws {
    let scratch = try Scratch()
    let text = #"{"vision_config": {"hidden_size": 12}, "rms_norm_eps": 1e-05, "more": null}"#
    let path = try scratch.file("config.json", text.utf8)
    let value = try JSONFile.decode(Configuration.self, from: path)
    #expect(value.vision.hiddenSize == 12 && value.epsilon == 1e-5)
  }

  @Test(arguments: [
    (#"{"rms_norm_eps": 1}"#, "config.json: key vision_config is missing"),
    (
      #"{"rms_norm_eps": 1, "vision_config": {}}"#,
      "config.json: key vision_config.hidden_size is missing"
    ),
    (
      #"{"rms_norm_eps": 1, "vision_config": {"hidden_size": "x"}}"#,
      "config.json: key vision_config.hidden_size is not a whole number"
    ),
    (
      #"{"rms_norm_eps": 1, "vision_config": {"hidden_size": null}}"#,
      "config.json: key vision_config.hidden_size is null, not a whole number"
    ),
    (#"{"rms_norm_eps": "#, "config.json: is not JSON of the expected form"),
    ("[]", "config.json: is not JSON of the expected form"),
    ("", "config.json: is not JSON of the expected form"),
  ]) func errorsNameTheKey(text: String, message: String) {
    let error = #expect(throws: CheckpointError.self) { try decode(text) }
    #expect(error?.description == message)
  }

  @Test func wholeNumbersMustBeWhole() {
    let error = #expect(throws: CheckpointError.self) {
      try decode(#"{"rms_norm_eps": 1, "vision_config": {"hidden_size": 1.5}}"#)
    }
    #expect(
      error?.description
        == "config.json: holds a number that is not whole, or too large, for its key")
  }

  @Test func missingFilesAreNamed() {
    expectError("/no/config.json", "cannot open") {
      _ = try JSONFile.decode(Configuration.self, from: "/no/config.json")
    }
  }

  @Test func valuesGoOutAndIn() throws {
    let value: JSONValue = [
      "b": [1, -2.5, 1e-05, true, nil, "x\"\\\n\u{1}é🐦"], "a": [:], "c": [], "d": ["e": "f/g"],
    ]
    let text = value.text
    #expect(try JSONFile.value(text: text, path: "x") == value)
    #expect(
      text.hasPrefix(
        "{\n  \"b\": [\n    1,\n    -2.5,\n    1e-05,\n    true,\n    null,\n"
          + "    \"x\\\"\\\\\\n\\u0001é🐦\"\n  ],\n  \"a\": {},\n  \"c\": [],\n"))
    #expect(text.hasSuffix("\"d\": {\n    \"e\": \"f/g\"\n  }\n}\n"))
    #expect(value["d"]?["e"] == "f/g" && value["x"] == nil)
  }

  @Test func orderAndKindOfNumbersAreKept() throws {
    let text = #"{"z": 1.0, "a": 1, "m": [0.0, 100000.0, -3, 1e-05, 1e400], "a": 2.5}"#
    let error = #expect(throws: CheckpointError.self) {
      try JSONFile.value(text: text, path: "x")
    }
    #expect(error?.description == "x: is not JSON at byte 56: expected a number")
    let value = try JSONFile.value(
      text: text.replacingOccurrences(of: ", 1e400", with: ""), path: "x")
    #expect(
      value.text
        == "{\n  \"z\": 1.0,\n  \"a\": 2.5,\n  \"m\": [\n    0.0,\n    100000.0,\n    -3,\n    1e-05\n  ]\n}\n"
    )
  }

  @Test(arguments: ["", "[1", "{\"a\" 1}", "[1] 2", "nul", String(repeating: "[", count: 1000)])
  func whatIsNoJSONIsRefused(text: String) {
    #expect(throws: CheckpointError.self) { try JSONFile.value(text: text, path: "x") }
  }
}
