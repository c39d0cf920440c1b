// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import LorikeetTokenizers
import Testing

@Suite struct ChatTemplateTests {
  static func messages(_ value: TemplateValue?) throws -> [ChatMessage] {
    try (value?.elements ?? []).map { turn in
      let object = try #require(turn.objectValue)
      var extra = TemplateObject()
      for (key, value) in zip(object.keys, object.values) where key != "role" && key != "content" {
        extra.append(key, value)
      }
      return ChatMessage(
        role: try #require(object["role"]?.stringValue), content: try #require(object["content"]),
        extra: extra)
    }
  }

  static func variables(_ value: TemplateValue?) -> [String: TemplateValue] {
    guard let object = value?.objectValue else { return [:] }
    return Dictionary(zip(object.keys, object.values)) { $1 }
  }

  @Test func conversationsRenderAsTheReference() throws {
    let file = try fixture("templates.json")
    let templates = try #require(file["templates"]?.objectValue)
    let cases = try #require(file["cases"]?.arrayValue)
    #expect(cases.count > 300)
    for row in cases {
      let name = try #require(row["template"]?.stringValue)
      let template = try ChatTemplate(
        source: try #require(templates[name]?.stringValue), name: name)
      let render = {
        var variables = Self.variables(row["variables"])
        // The order of a message's members shows in this template only.
        if name == "whole" {
          variables["messages"] = row["messages"]
          return try template.render(variables: variables)
        }
        return try template.render(
          messages: try Self.messages(row["messages"]),
          addGenerationPrompt: row["add_generation_prompt"] == .bool(true), variables: variables)
      }
      if let expected = row["expected"]?.stringValue {
        #expect(try render() == expected, "\(name): \(row)")
      } else {
        #expect(throws: TokenizerError.self, "\(name): \(row)") { try render() }
      }
    }
  }

  @Test func snippetsRenderAsTheReference() throws {
    let file = try fixture("templates.json")
    let snippets = try #require(file["snippets"]?.arrayValue)
    #expect(snippets.count > 200)
    var variables = Self.variables(file["data"])
    let messages = try Self.messages(variables.removeValue(forKey: "messages"))
    for row in snippets {
      let source = try #require(row["source"]?.stringValue)
      let render = {
        try ChatTemplate(source: source, name: "snippet").render(
          messages: messages, addGenerationPrompt: false, variables: variables)
      }
      if let expected = row["expected"]?.stringValue {
        let text = Result { try render() }
        #expect((try? text.get()) == expected, "\(source): \(text)")
      } else {
        #expect(throws: TokenizerError.self, "\(source)") { try render() }
      }
    }
  }

  @Test func errorsNameTheConstructAndTheLine() throws {
    func message(_ source: String) -> String {
      do {
        return try ChatTemplate(source: source, name: "t.jinja")
          .render(messages: [], addGenerationPrompt: false)
      } catch { return error.description }
    }
    #expect(
      message("a\n{% include 'x' %}") == "t.jinja: line 2: the block 'include' is not supported")
    #expect(message("{{ 1|batch(2) }}") == "t.jinja: line 1: the filter 'batch' is not supported")
    #expect(message("\n\n{{ a is weird }}") == "t.jinja: line 3: the test 'weird' is not supported")
    #expect(
      message("\n{{ raise_exception('no system turn') }}")
        == "t.jinja: line 2: the template refuses the conversation: no system turn")
    #expect(
      message("{{ a.b }}") == "t.jinja: line 1: 'a' is undefined, so it has no 'b'")
    #expect(message("{% for x in y recursive %}{% endfor %}").contains("recursive loops"))
  }

  @Test func theClockIsPassedIn() throws {
    let template = try ChatTemplate(
      source: "{{ strftime_now('%d %B %Y, %b %m %y, %A %a, %H:%M:%S %I %p %j %%') }}", name: "clock"
    )
    // Noon UTC is the same day nearly everywhere.
    var parts = DateComponents(year: 2026, month: 3, day: 5, hour: 13, minute: 4, second: 9)
    parts.calendar = Calendar(identifier: .gregorian)
    let text = try template.render(
      messages: [], addGenerationPrompt: false, now: try #require(parts.date))
    #expect(text == "05 March 2026, Mar 03 26, Thursday Thu, 13:04:09 01 PM 064 %")
  }

  /// Each takes more of something than is allowed, and must be refused quickly.
  @Test(arguments: [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% set n = namespace(s='xxxxxxxx') %}{% for a in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
    "{% set n = namespace(s=[1]) %}{% for a in range(99) %}{% set n.s = [n.s, n.s] %}{% endfor %}",
    "{% set n = namespace(s=[1]) %}{% for a in range(99999) %}{% set n.s = [n.s] %}{% endfor %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{{ 'x' * 99999999999 }}", "{{ [1] * 99999999999 }}", "{{ range(9999999999) }}",
    "{{ 2 ** 99999999 }}", "{{ 9223372036854775807 + 1 }}",
    "{{ (0 - 9223372036854775807 - 1) // -1 }}",
    "{{ ('x' * 9999999).replace('x', 'y' * 9999999) }}", "{{ 'a\\na'|indent(99999999999) }}",
    "{{ (['a'] * 99999)|join('x' * 9999999) }}", "{{ [1]|tojson(indent=9999999999) }}",
    "{{ " + String(repeating: "(", count: 100_000), "{{ " + String(repeating: "[", count: 100_000),
    "{{ 1" + String(repeating: " + 1", count: 100_000) + " }}",
    "{{ a" + String(repeating: ".b", count: 100_000) + " }}",
    "{{ " + String(repeating: "not ", count: 100_000) + "1 }}",
    "{{ " + String(repeating: "- ", count: 100_000) + "1 }}",
    "{{ 1" + String(repeating: " if 1 else 1", count: 100_000) + " }}",
    String(repeating: "{% if 1 %}", count: 100_000),
    "{% for a in range(99999) %}{{ 'x' * 9999 }}{% endfor %}",
    "{{ 99999999999999999999 }}", "{{ 1e999 }}", "{{ 'a'[9223372036854775807:] }}{{ nope() }}",
    "{{ [1][::-9223372036854775807] }}{{ [1][:-9223372036854775807:9223372036854775807] }}{{ nope() }}",
    "{{ 1.5|int ** 99|int }}{{ 1e300|int }}{{ (1e300 * 1e300)|int }}{{ nope() }}",
    "{{ -9223372036854775807|abs }}{{ 1|round(9999999999) }}",
  ])
  func hostileTemplatesAreRefused(source: String) {
    let start = ContinuousClock.now
    #expect(throws: TokenizerError.self) {
      try ChatTemplate(source: source, name: "hostile").render(
        messages: [], addGenerationPrompt: false)
    }
    #expect(ContinuousClock.now - start < .seconds(30))
  }

  @Test func namespacesThatHoldEachOtherAreFreed() throws {
    let template = try ChatTemplate(
      source: "{% set a = namespace() %}{% set a.me = a %}{{ a.me.me is defined }}", name: "cycle")
    #expect(try template.render(messages: [], addGenerationPrompt: false) == "True")
  }
}
