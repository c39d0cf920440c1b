// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetRegistry
import LorikeetTestSupport
import Testing

struct HubNameTests {
  @Test func namesAreRead() throws {
    func name(_ text: String, _ kind: RegistryEntry.Kind = .model) throws -> [String] {
      let name = try HubName(text, kind: kind)
      return [name.kind.rawValue, name.repository, name.revision, name.description]
    }
    #expect(try name("hf:acme/tiny") == ["model", "acme/tiny", "main", "hf:acme/tiny"])
    #expect(try name("hf:gpt2@v1.0") == ["model", "gpt2", "v1.0", "hf:gpt2@v1.0"])
    #expect(
      try name("hf:datasets/acme/set@refs/pr/1")
        == ["dataset", "acme/set", "refs/pr/1", "hf:datasets/acme/set@refs/pr/1"])
    #expect(
      try name("acme/set", .dataset) == ["dataset", "acme/set", "main", "hf:datasets/acme/set"])
    #expect(try name("hf:models/acme/x", .dataset)[0] == "model")
    #expect(try name("hf:A-1/b_c.d")[1] == "A-1/b_c.d")
  }

  @Test(arguments: [
    "hf:", "hf:a/b/c", "hf:/b", "hf:a/", "hf:a/..", "hf:a/b--c", "hf:-a/b", "hf:a/b.", "hf:a/b.git",
    "hf:a/é", "hf:a b", "hf:a/b@", "hf:a/b@../x", "hf:a/b@x y", "hf:a/b@/x",
    "hf:a/" + String(repeating: "x", count: 97),
  ])
  func badNamesAreRefused(text: String) {
    let error = #expect(throws: HubError.self) { try HubName(text) }
    #expect(error?.description.hasPrefix(text + ": ") == true)
  }

  private struct Row: Decodable {
    let environment: [String: String]
    let endpoint: String
    let token: String?
    let cache: String
    let offline: Bool
  }

  @Test func settingsAreThoseOfTheHubsOwnClient() throws {
    let data = try Data(contentsOf: URL(filePath: Fixtures.path("hub/settings.json")))
    for row in try JSONDecoder().decode([Row].self, from: data) {
      let found = HubSettings(environment: row.environment)
      #expect(found.endpoint == row.endpoint, "\(row.environment)")
      #expect(found.token == row.token, "\(row.environment)")
      #expect(found.cache == row.cache, "\(row.environment)")
      #expect(found.isOffline == row.offline, "\(row.environment)")
    }
  }

  @Test func tokensComeFromFilesToo() throws {
    let scratch = try RegistryScratch()
    let file = try scratch.file("token", Array("hf_file\n".utf8))
    #expect(HubSettings(environment: ["HF_HOME": scratch.path]).token == "hf_file")
    #expect(HubSettings(environment: ["HF_TOKEN_PATH": file]).token == "hf_file")
    let both = ["HF_TOKEN_PATH": file, "HF_TOKEN": "hf_a"]
    #expect(HubSettings(environment: both).token == "hf_a")
    let off = ["HF_TOKEN_PATH": file, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"]
    #expect(HubSettings(environment: off).token == nil)
  }

  private struct Patterns: Decodable {
    let paths: [String]
    let selected: [String: [Int]]
  }

  @Test func patternsSelectWhatTheHubsOwnClientSelects() throws {
    let data = try Data(contentsOf: URL(filePath: Fixtures.path("hub/patterns.json")))
    let cases = try JSONDecoder().decode(Patterns.self, from: data)
    for (pattern, expected) in cases.selected {
      let found = HubSelection(include: [pattern]).files(of: cases.paths, kind: .model)
      #expect(found == expected.map { cases.paths[$0] }, "\(pattern)")
    }
  }

  @Test func whatIsUsefulIsSelected() {
    let model = [
      ".gitattributes", "README.md", "config.json", "consolidated.safetensors", "merges.txt",
      "model.safetensors", "pytorch_model.bin", "tokenizer.model", "chat_template.jinja", "q.gguf",
    ]
    #expect(
      HubSelection().files(of: model, kind: .model) == [
        "config.json", "merges.txt", "model.safetensors", "tokenizer.model", "chat_template.jinja",
      ])
    let other = ["consolidated.safetensors", "params.json"]
    #expect(HubSelection().files(of: other, kind: .model) == other)
    #expect(HubSelection(include: ["*.gguf"]).files(of: model, kind: .model) == ["q.gguf"])
    #expect(
      HubSelection(exclude: ["*.txt", "*.json"]).files(of: model, kind: .model)
        == ["model.safetensors", "tokenizer.model", "chat_template.jinja"])
    #expect(
      HubSelection().files(of: [".gitattributes", "a/b.png", "metadata.csv"], kind: .dataset)
        == ["a/b.png", "metadata.csv"])
  }
}
