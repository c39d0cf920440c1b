// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import Testing

/// Pulling from a hub on this computer, and using what was pulled by its name.
@Suite struct PullTests {
  /// A hub with the files of a directory.
  private func hub(_ repository: String, of directory: String) throws -> FakeHub {
    let names = try FileManager.default.subpathsOfDirectory(atPath: directory).sorted()
    var files: [FakeHub.File] = []
    var contents: [String: [UInt8]] = [:]
    for name in names {
      guard let data = FileManager.default.contents(atPath: directory + "/" + name) else {
        continue
      }
      contents[name] = Array(data)
      files.append(
        FakeHub.File(
          name: name, length: data.count, isLarge: name.hasSuffix(".safetensors"),
          etag: "tag-\(files.count)"))
    }
    let known = contents
    return try FakeHub(repository, files) { known[$0.name] ?? [] }
  }

  @Test func pulledNamesAreModelsAdaptersAndDataSets() throws {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory)
      let source = directory + "/vlm"
      try TinyModel.write(to: source, case: "adapters/llava-lora/seed-1")
      let model = try hub("acme/vlm", of: source)
      let adapter = try hub(
        "acme/lora", of: Fixtures.path("adapters/llava-lora/seed-1/adapter"))
      let data = try hub("datasets/acme/set", of: setup.data)
      let cache = directory + "/hub"
      func run(_ hub: FakeHub, _ arguments: String...) throws -> Finished {
        try Command.run(
          arguments, environment: ["HF_ENDPOINT": hub.endpoint, "HF_HUB_CACHE": cache])
      }
      let missing = try run(model, "generate", "--model", "hf:acme/vlm", "--prompt", "a")
      #expect(missing.status == 1)
      #expect(
        missing.errors
          == "error: hf:acme/vlm: not here yet; run: lorikeet pull hf:acme/vlm\n")
      let first = try run(model, "pull", "hf:acme/vlm")
      let snapshot = cache + "/models--acme--vlm/snapshots/" + FakeHub.commit
      #expect(first.status == 0, "\(first.errors)")
      #expect(first.output == "hf:acme/vlm: \(snapshot)\n")
      #expect(first.errors.contains(" kB"), "\(first.errors)")
      let again = try run(model, "pull", "hf:acme/vlm", "--quiet")
      #expect(again.output == "hf:acme/vlm: \(snapshot) (already there)\n" && again.errors == "")
      #expect(try run(adapter, "pull", "hf:acme/lora").status == 0)
      #expect(try run(data, "pull", "hf:datasets/acme/set").status == 0)

      let text = try run(
        model, "generate", "--model", "hf:acme/vlm", "--prompt", "a", "--max-tokens", "4")
      let same = try run(
        model, "generate", "--model", source, "--prompt", "a", "--max-tokens", "4")
      #expect(text.status == 0 && text.output == same.output, "\(text.errors)")
      let adapted = try run(
        model, "generate", "--model", "acme/vlm", "--adapter", "hf:acme/lora", "--prompt", "a",
        "--max-tokens", "4")
      #expect(adapted.status == 0, "\(adapted.errors)")
      let measured = try run(
        data, "evaluate", "--model", "acme/vlm", "--data", "hf:datasets/acme/set", "--task",
        "caption", "--no-generate", "--limit", "3")
      #expect(measured.status == 0, "\(measured.errors)")
      #expect(measured.output.contains("clean"))
    }
  }

  @Test func failuresAreOneLine() throws {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory)
      let model = try hub("acme/vlm", of: setup.model)
      func run(_ arguments: String...) throws -> Finished {
        try Command.run(
          ["pull"] + arguments,
          environment: ["HF_ENDPOINT": model.endpoint, "HF_HUB_CACHE": directory + "/hub"])
      }
      let absent = try run("hf:acme/none")
      #expect(absent.status == 1 && absent.output == "")
      #expect(
        absent.errors == "error: /api/models/acme/none/revision/main: status 404: "
          + "no such name, revision or file\n")
      for arguments in [["x", "--include", "*"], ["hf:a/b", "--file", "x"]] {
        let wrong = try Command.run(["pull"] + arguments)
        #expect(wrong.status == 2 && wrong.errorLines.count == 1, "\(wrong.errors)")
      }
    }
  }
}
