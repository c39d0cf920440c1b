// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAdapters
import LorikeetAutograd
import LorikeetCheckpoints
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct MLXAdapterTests {
  static let fixtures = ["adapters/lora-mlx/seed-1", "adapters/lora-mlx/seed-2"]

  @Test(arguments: fixtures) func whatMLXKeepsGivesPEFTsNumbers(name: String) throws {
    let llama = try AdaptedLlama(name)
    let directory = llama.reference.directory + "/mlx"
    #expect(MLXAdapter.isFound(in: directory))
    #expect(!MLXAdapter.isFound(in: llama.reference.adapterDirectory))
    let set = try AdapterSet(directory: directory, attachingTo: llama.index)
    expectClose(
      llama.logits(), try llama.reference.expected("logits").values, tolerance: 1e-4, "logits")
    let configuration = try #require(set.adapters[0].configuration as? LoRAConfiguration)
    #expect(configuration.rank == 4 && configuration.alpha == 7)
    #expect(configuration.baseModel == "somewhere/llama")
  }

  /// Written from PEFT's directory, the files hold what mlx-lm would have in them.
  @Test(arguments: fixtures) func whatIsWrittenIsWhatMLXKeeps(name: String) throws {
    try withTemporaryDirectory { directory in
      let llama = try AdaptedLlama(name)
      let output = directory + "/mlx"
      try MLXAdapter.write(llama.adapter().asLoRA().weights, for: llama.index, to: output)
      let expected = llama.reference.directory + "/mlx"
      let (a, b) = (
        try SafetensorsFile(path: output + "/adapters.safetensors"),
        try SafetensorsFile(path: expected + "/adapters.safetensors")
      )
      #expect(a.names == b.names && a.metadata == b.metadata && !a.names.isEmpty)
      for name in b.names {
        let (x, y) = (try #require(a[name]), try #require(b[name]))
        #expect((x.dtype, x.shape) == (y.dtype, y.shape))
        #expect(x.tensor().values == y.tensor().values, "\(name)")
      }
      func object(_ directory: String) throws -> [String: Any] {
        let data = try Data(contentsOf: URL(filePath: directory + "/adapter_config.json"))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
      }
      let (x, y) = (try object(output), try object(expected))
      #expect(x["num_layers"] as? Int == 1)
      #expect(x["fine_tune_type"] as? String == "lora")
      let own = try #require(x["lora_parameters"] as? [String: Any])
      let theirs = try #require(y["lora_parameters"] as? [String: Any])
      for key in ["rank", "scale", "dropout"] {
        #expect(own[key] as? Double == theirs[key] as? Double, "\(key)")
      }
      #expect(Set(own["keys"] as? [String] ?? []) == Set(theirs["keys"] as? [String] ?? [""]))
    }
  }

  /// Ranks and scales that differ, embeddings, a head and DoRA come back.
  @Test(arguments: [
    "lora/seed-1", "lora-patterns/seed-1", "lora-rslora-patterns/seed-2", "lora-layers/seed-1",
    "lora-embedding/seed-2", "lora-head/seed-2",
  ])
  func writtenAndReadGivesTheSame(name: String) throws {
    try withTemporaryDirectory { directory in
      let llama = try AdaptedLlama("adapters/" + name)
      let output = directory + "/mlx"
      try MLXAdapter.write(llama.adapter().asLoRA().weights, for: llama.index, to: output)
      let second = try AdaptedLlama("adapters/" + name)
      _ = try Adapter(name: "mlx", directory: output, attachingTo: second.index)
      expectClose(
        second.logits(), try second.reference.expected("logits").values, tolerance: 1e-4)
    }
  }

  @Test func doRAKeepsItsForm() throws {
    try withTemporaryDirectory { directory in
      let llama = try AdaptedLlama("adapters/lora/seed-2")
      let configuration = LoRAConfiguration.make(targets: .allLinear) {
        $0.usesDoRA = true
        $0.rankPattern = [("v_proj", 2)]
      }
      let adapter = try Adapter(
        name: "dora", configuration, attachingTo: llama.index, seed: 1)
      adapter.perturb()
      let expected = llama.logits()
      try MLXAdapter.write(adapter.asLoRA().weights, for: llama.index, to: directory + "/mlx")
      adapter.detach()
      let read = try Adapter(name: "mlx", directory: directory + "/mlx", attachingTo: llama.index)
      #expect((read.configuration as? LoRAConfiguration)?.usesDoRA == true)
      expectClose(llama.logits(), expected, tolerance: 1e-5)
    }
  }

  /// The names of old versions of mlx-vlm, whose alpha is the scale itself.
  @Test func theOldForm() throws {
    try withTemporaryDirectory { directory in
      let llama = try AdaptedLlama(Self.fixtures[0])
      let file = try SafetensorsFile(
        path: llama.reference.directory + "/mlx/adapters.safetensors")
      try SafetensorsFile.write(
        try file.names.map { name in
          let part = name.hasSuffix("_a") ? ".A" : ".B"
          return (String(name.dropLast(7)) + part, try #require(file[name]))
        }, to: directory + "/adapters.safetensors")
      try AtomicFile.write(
        #"{"rank": 4, "alpha": 1.75, "dropout": 0.1}"#, to: directory + "/adapter_config.json")
      _ = try Adapter(name: "old", directory: directory, attachingTo: llama.index)
      expectClose(
        llama.logits(), try llama.reference.expected("logits").values, tolerance: 1e-4)
    }
  }

  @Test func whatMLXHasNoPlaceForIsRefused() throws {
    for (name, reason) in [
      ("lora-own-bias/seed-1", "whole tensor"), ("lora-bias/seed-1", "whole tensors of the model"),
      ("lora-tokens/seed-1", "whole tensor"), ("lora-embedding/seed-1", "also the head"),
      ("lora-head/seed-1", "shares its weight"), ("dora-embedding/seed-2", "DoRA on embeddings"),
    ] {
      try withTemporaryDirectory { directory in
        let llama = try AdaptedLlama("adapters/" + name)
        let weights = try llama.adapter().asLoRA().weights
        let error = #expect(throws: AdapterError.self, "\(name)") {
          try MLXAdapter.write(weights, for: llama.index, to: directory + "/mlx")
        }
        #expect(error?.description.contains(reason) == true, "\(name): \(error as Any)")
        #expect(!FileManager.default.fileExists(atPath: directory + "/mlx"))
      }
    }
  }

  /// Opens a damaged copy and returns the message.
  private func message(
    model: String = fixtures[0], config: String? = nil,
    _ damage: (inout [(name: String, tensor: StoredTensor)]) -> Void = { _ in }
  ) throws -> String {
    try withTemporaryDirectory { root in
      let directory = root + "/mlx"
      try FileManager.default.copyItem(
        atPath: Fixtures.path(Self.fixtures[0] + "/mlx"), toPath: directory)
      let path = directory + "/adapters.safetensors"
      let file = try SafetensorsFile(path: path)
      var tensors = file.names.compactMap { name in
        file[name].map { (name: name, tensor: StoredTensor(Tensor($0.tensor().values, $0.shape))) }
      }
      damage(&tensors)
      try SafetensorsFile.write(tensors, to: path)
      if let config { try AtomicFile.write(config, to: directory + "/adapter_config.json") }
      let llama = try AdaptedLlama(model)
      let before = llama.logits()
      var text = ""
      do {
        _ = try Adapter(name: "mlx", directory: directory, attachingTo: llama.index)
        Issue.record("it was accepted")
      } catch { text = "\(error)" }
      #expect(llama.logits() == before)
      return text.replacingOccurrences(of: directory, with: "DIR")
    }
  }

  @Test func faultsAreNamed() throws {
    let q = "model.layers.1.self_attn.q_proj"
    #expect(
      try message { $0.removeAll { $0.name == q + ".lora_b" } }
        == "DIR/adapters.safetensors: 1 tensor (\(q).lora_b) missing; is this an adapter for "
        + "another model?")
    #expect(
      try message { $0.append(("model.stray.lora_a", StoredTensor(Tensor([1], [1, 1])))) }
        == "DIR/adapters.safetensors: 1 tensor (model.stray.lora_a) that the model has no place "
        + "for; is this an adapter for another model?")
    #expect(
      try message {
        for i in $0.indices where $0[i].name == q + ".lora_a" {
          $0[i].tensor = StoredTensor(Tensor(repeating: 1, [24, 3]))
        }
      }
        == "DIR/adapters.safetensors: \(q).lora_a is F32 [24, 3], expected real numbers [24, 4]; "
        + "is this an adapter for another model?")
    #expect(
      try message {
        for i in $0.indices where $0[i].name == q + ".lora_a" {
          $0[i].tensor = StoredTensor(Tensor(repeating: .nan, [24, 4]))
        }
      }.contains("not finite"))
    #expect(
      try message { $0 = [] }.hasPrefix("DIR/adapters.safetensors: the targets (none) match no"))
    let other = try message(model: "adapters/lora-head/seed-2") {
      for i in $0.indices { $0[i].name = "x." + $0[i].name }
    }
    #expect(other.contains("4 tensors (x.model.layers.1.mlp.down_proj.lora_a, "))
    #expect(other.contains(" and 1 more) that the model has no place for"))
  }

  @Test func settingsThatMakeNoSense() throws {
    for (text, reason) in [
      (#"{"fine_tune_type": "full"}"#, "fine_tune_type: full is not supported"),
      (#"{"lora_parameters": {"rank": 4}}"#, "key lora_parameters.scale is missing"),
      (#"{"lora_parameters": {"scale": 4}}"#, "key lora_parameters.rank is missing"),
      (#"{"lora_parameters": {"rank": 0, "scale": 4}}"#, "rank must be positive"),
      (#"{"lora_parameters": {"rank": "x", "scale": 4}}"#, "key rank: x is not a valid value"),
      (#"{"lora_parameters": 3}"#, "key lora_parameters: 3 is not a valid value"),
      (
        #"{"lora_parameters": {"rank": 4, "scale": 4, "keys": ["mlp.up_proj"]}}"#,
        "mlp.up_proj has no tensors"
      ),
      (#"{"rank": 4}"#, "key alpha is missing"),
      (
        #"{"fine_tune_type": "dora", "lora_parameters": {"rank": 4, "scale": 4}}"#,
        "down_proj.m) missing"
      ),
    ] {
      let found = try message(config: text)
      #expect(found.hasPrefix("DIR/") && found.contains(reason), "\(text): \(found)")
    }
  }
}
