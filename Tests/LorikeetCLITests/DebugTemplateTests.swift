// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import Testing

/// `lorikeet debug template`, and `lorikeet debug tokenize --ids`.
@Suite struct DebugTemplateTests {
  private func json(_ line: some StringProtocol) throws -> [String: String] {
    try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
  }

  @Test func conversationsBecomePromptsOrErrors() throws {
    try withTemporaryDirectory { directory in
      let template = directory + "/t.jinja"
      try """
      {%- for m in messages -%}
      {%- if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif -%}
      <{{ m.role }}>{{ m.content }}{{ eos_token }}
      {% endfor -%}
      {%- if add_generation_prompt %}<assistant>{% endif -%}
      """.write(toFile: template, atomically: true, encoding: .utf8)
      let turns = directory + "/turns.jsonl"
      try """
      {"messages": [{"role": "user", "content": "é\\n"}], "eos_token": "</s>"}
      {"messages": [], "add_generation_prompt": true}
      {"messages": [{"role": "tool", "content": ""}]}

      """.write(toFile: turns, atomically: true, encoding: .utf8)
      let run = try Command.run(
        "debug", "template", "--template", template, "--conversations", turns)
      #expect(run.errors == "")
      let lines = try run.output.split(separator: "\n").map(json)
      #expect(
        lines == [
          ["text": "<user>é\n</s>\n"], ["text": "<assistant>"],
          ["error": "\(template): line 2: the template refuses the conversation: no tools"],
        ])

      // The same from a model's directory, which knows its own tokens.
      let model = directory + "/model"
      try FileManager.default.createDirectory(
        atPath: model, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: Fixtures.path("tokenizers/digits/tokenizer.json"),
        toPath: model + "/tokenizer.json")
      try #"{"chat_template": "{{ eos_token }}", "eos_token": "<|im_end|>"}"#
        .write(
          toFile: model + "/tokenizer_config.json", atomically: true, encoding: .utf8)
      let own = try Command.run("debug", "template", "--model", model, "--conversations", turns)
      #expect(own.output.hasPrefix(#"{"text": "</s>"}"# + "\n" + #"{"text": "<|im_end|>"}"#))
      try expectFailure(
        ["debug", "template", "--model", model, "--conversations", turns, "--name", "rag"],
        naming: model, "has no chat template rag; it has default")

      try "[]\n".write(toFile: turns, atomically: true, encoding: .utf8)
      try expectFailure(
        ["debug", "template", "--template", template, "--conversations", turns],
        naming: turns, "line 1: expected an object")
    }
  }

  @Test func idsBecomeText() throws {
    let model = Fixtures.path("tokenizers/digits")
    func run(_ more: String...) throws -> Finished {
      try Command.run(["debug", "tokenize", "--model", model, "--ids"] + more)
    }
    let ids = try Command.run("debug", "tokenize", "--model", model, "--text", "a é<|im_end|>b")
      .output.split(separator: "\n").joined()
    #expect(try run("--text", ids).output == "a é<|im_end|>b\n")
    struct Line: Decodable {
      let ids: [Int]
      let tokens: [String]
      let decoded, skipped, streamed: String
    }
    let line = try JSONDecoder().decode(
      Line.self, from: Data(try run("--json", "--text", ids).output.utf8))
    #expect(line.ids.map(String.init).joined(separator: " ") == ids)
    #expect(line.tokens.count == line.ids.count)
    #expect(line.decoded == "a é<|im_end|>b")
    #expect(line.skipped == "a éb")
    #expect(line.streamed == line.decoded)
    #expect(try run("--text", "").output == "\n")
    for (text, message) in [("1 x", "expected token ids, found \"x\""), ("99999999", "99999999")] {
      let failed = try run("--text", text)
      #expect(failed.status == 1)
      #expect(failed.errorLines.count == 1)
      #expect(failed.errors.contains(message))
    }
  }
}
