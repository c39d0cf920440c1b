// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAdapters
import LorikeetAutograd
import LorikeetCheckpoints
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// Adapters that cannot be used are refused with a message that names the file and the cause, and
/// leave the model as it was.
@Suite struct AdapterFaultTests {
  static let base = "adapters/lora-bias/seed-1"

  /// Attaches a damaged copy of an adapter and returns the message.
  ///
  /// - Parameter damage: gets the directory of the copy.
  private func message(
    model: String = base, adapter: String = base,
    sourceLocation: SourceLocation = #_sourceLocation, damage: (String) throws -> Void = { _ in }
  ) throws -> String {
    try withTemporaryDirectory { root in
      let directory = root + "/adapter"
      try FileManager.default.copyItem(
        atPath: Fixtures.path(adapter + "/adapter"), toPath: directory)
      try damage(directory)
      let llama = try AdaptedLlama(model)
      let (before, bytes) = (llama.logits(), llama.baseBytes())
      var text = ""
      do {
        _ = try Adapter(name: "default", directory: directory, attachingTo: llama.index)
        Issue.record("the adapter was accepted", sourceLocation: sourceLocation)
      } catch {
        text = String(describing: error)
      }
      #expect(llama.logits() == before, sourceLocation: sourceLocation)
      #expect(llama.baseBytes() == bytes, sourceLocation: sourceLocation)
      #expect(
        llama.index.linears.allSatisfy { $0.adapters.isEmpty }, sourceLocation: sourceLocation)
      #expect(!text.contains("\n"), sourceLocation: sourceLocation)
      return text.replacingOccurrences(of: directory, with: "DIR")
    }
  }

  /// Rewrites adapter_config.json with other values; nil takes a key away.
  private func change(_ directory: String, _ changes: [String: Any?]) throws {
    let url = URL(filePath: directory + "/adapter_config.json")
    let parsed = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
    var object = try #require(parsed as? [String: Any])
    for (key, value) in changes { object[key] = value }
    try JSONSerialization.data(withJSONObject: object).write(to: url)
  }

  private func rewrite(
    _ directory: String, _ body: (inout [(name: String, tensor: StoredTensor)]) throws -> Void
  ) throws {
    let path = directory + "/adapter_model.safetensors"
    let file = try SafetensorsFile(path: path)
    var tensors = file.names.compactMap { name in
      file[name].map { (name: name, tensor: StoredTensor(Tensor($0.tensor().values, $0.shape))) }
    }
    try body(&tensors)
    try SafetensorsFile.write(tensors, to: path)
  }

  private func configuration(_ changes: [String: Any?]) throws -> String {
    try message { try change($0, changes) }
  }

  @Test func adaptersForAnotherModel() throws {
    // Other widths.
    let shape = try message(model: "adapters/lora/seed-2", adapter: "adapters/lora/seed-1")
    #expect(shape.hasPrefix("DIR/adapter_model.safetensors: base_model.model.model.layers.0."))
    #expect(
      shape.contains("expected [") && shape.hasSuffix("is this an adapter for another model?"))
    // Modules that the model does not have.
    let other = try message(adapter: "adapters/llava-lora/seed-1")
    #expect(other.hasPrefix("DIR/adapter_model.safetensors: "))
    #expect(other.contains("and there are") || other.contains("no place for"), "\(other)")
    #expect(other.hasSuffix("is this an adapter for another model?"))
  }

  @Test func targetsThatMatchNothing() throws {
    #expect(
      try configuration(["target_modules": ["query", "value"]])
        == "DIR/adapter_config.json: the targets query, value match no linear layer of the model; its "
        + "layers are named like model.layers.1.mlp.gate_proj, model.layers.1.mlp.up_proj, "
        + "model.layers.1.mlp.down_proj")
    #expect(try configuration(["target_modules": "q_proj"]).contains("\"q_proj\" match no linear"))
    #expect(try configuration(["target_modules": nil]).contains("(none given) match no linear"))
  }

  @Test func unknownAndUnsupportedMethods() throws {
    #expect(
      try configuration(["peft_type": "LOHA"])
        == "DIR/adapter_config.json: peft_type LOHA is not supported; supported: LORA, IA3")
    #expect(
      try configuration(["peft_type": nil])
        == "DIR/adapter_config.json: peft_type is missing; supported: LORA, IA3")
    #expect(try configuration(["use_dora": true]).contains("lora_magnitude_vector"))
    for key in ["layer_replication", "alora_invocation_tokens", "target_parameters"] {
      #expect(try configuration([key: [1, 2]]).contains("key \(key) is set"))
    }
    #expect(try configuration(["fan_in_fan_out": true]).contains("key fan_in_fan_out is set"))
    for name in ["pissa", "olora", "corda", "loftq", "pissa_niter_4"] {
      #expect(try configuration(["init_lora_weights": name]).contains("init_lora_weights"))
    }
  }

  /// What PEFT refuses, or this cannot do, is said in a line.
  @Test func combinationsThatMakeNoSense() throws {
    for (changes, reason) in [
      (
        ["target_modules": "all-linear", "layers_to_transform": [1]],
        "layers_to_transform cannot be"
      ),
      (["layers_pattern": "layers"], "layers_pattern needs layers_to_transform"),
      (["use_dora": true, "lora_bias": true], "use_dora and lora_bias cannot both be set"),
      (["target_modules": ["q_proj", "norm"]], "target_modules matches model.norm"),
      (["target_modules": ["embed_tokens"], "lora_bias": true], "lora_bias cannot be used on the"),
      (["modules_to_save": ["norm", "score"]], "modules_to_save: score matches no module"),
      (["use_frob": true], "key use_frob is not known, and is set to"),
      (["some_pattern": ["q_proj": 2]], "key some_pattern is not known, and is set to"),
      (["ensure_weight_tying": true], "key ensure_weight_tying is set"),
      (["trainable_token_indices": ["lm_head": [1]]], "only a list for embed_tokens"),
      (["peft_type": "IA3"], "feedforward_modules is missing"),
      (
        ["peft_type": "IA3", "feedforward_modules": ["o_proj"]],
        "o_proj is not one of target_modules"
      ),
    ] as [([String: Any], String)] {
      let text = try configuration(changes)
      #expect(text.hasPrefix("DIR/adapter_config.json: "), "\(text)")
      #expect(text.contains(reason), "\(text)")
    }
    for tokens in [[-1], [100_000], [5, 5]] {
      let text = try message(
        model: "adapters/lora-tokens/seed-1", adapter: "adapters/lora-tokens/seed-1"
      ) {
        try change($0, ["trainable_token_indices": tokens])
      }
      #expect(text.contains("are not different tokens of 0 ..<"), "\(text)")
    }
  }

  /// Keys of versions to come do no harm while they are off.
  @Test func unknownKeysThatAreOff() throws {
    try withTemporaryDirectory { directory in
      try FileManager.default.copyItem(
        atPath: Fixtures.path(Self.base + "/adapter"), toPath: directory + "/adapter")
      try change(
        directory + "/adapter",
        [
          "use_frob": false, "frob_pattern": [String: Int](), "frob_config": NSNull(),
          "frobs": [Int](),
        ])
      let llama = try AdaptedLlama(Self.base)
      _ = try Adapter(name: "a", directory: directory + "/adapter", attachingTo: llama.index)
      expectClose(
        llama.logits(), try llama.reference.expected("logits").values, tolerance: 1e-4)
    }
  }

  @Test func aRoutingNeedsAConfigurationForEachAdapter() throws {
    let llama = try AdaptedLlama(Self.base)
    let error = #expect(throws: AdapterError.self) {
      _ = try AdapterSet(
        AdapterRouting(.perModality),
        configurations: ["image": LoRAConfiguration.make(targets: .allLinear)],
        attachingTo: llama.index, seed: 1)
    }
    #expect(
      error?.description == "adapter missing: the routing names it, but it has no configuration")
    #expect(llama.index.linears.allSatisfy { $0.adapters.isEmpty })
  }

  @Test func methodsThatDoNotAddUpAreNotStacked() throws {
    let llama = try AdaptedLlama(Self.base)
    let plain = LoRAConfiguration.make(targets: .names(["q_proj"]))
    let dora = LoRAConfiguration.make(targets: .names(["q_proj"])) { $0.usesDoRA = true }
    _ = try Adapter(
      name: "text", dora, attachingTo: llama.index, modalities: [.text], seed: 1)
    // Other rows are free.
    _ = try Adapter(
      name: "image", dora, attachingTo: llama.index, modalities: [.image], seed: 1)
    let error = #expect(throws: AdapterError.self) {
      _ = try Adapter(name: "all", plain, attachingTo: llama.index, seed: 1)
    }
    #expect(
      error?.description == "adapter all: model.layers.0.self_attn.q_proj already has an adapter, "
        + "and only LoRA terms can be added up")
  }

  @Test func valuesOfTheWrongKind() throws {
    for (key, value) in [
      ("r", "four"), ("r", 0), ("r", -1), ("r", 4.5), ("lora_alpha", "x"), ("lora_dropout", 1.0),
      ("lora_dropout", -0.1), ("target_modules", [1, 2]), ("rank_pattern", ["q": "x"]),
      ("rank_pattern", ["q_proj": 0]), ("alpha_pattern", [1]), ("bias", "some"),
      ("lora_alpha", 1e300), ("alpha_pattern", ["q_proj": -1e300]), ("layers_to_transform", "x"),
      ("modules_to_save", 3), ("use_rslora", "yes"),
      ("r", 1_000_000_000_000), ("exclude_modules", 4),
    ] as [(String, Any)] {
      let text = try configuration([key: value])
      #expect(text.hasPrefix("DIR/adapter_config.json: "), "\(key): \(value) gives \(text)")
    }
  }

  @Test func whatIsExpectedIsSaid() throws {
    #expect(
      try configuration(["r": "four"])
        == "DIR/adapter_config.json: key r: four is not a valid value; expected a whole number")
    #expect(
      try configuration(["alpha_pattern": [1]]).hasSuffix(
        "is not a valid value; expected numbers by name"))
  }

  @Test(arguments: ["", "{", "[]", "null", "\u{0}", #"{"peft_type": }"#])
  func brokenConfigurations(text: String) throws {
    let found = try message { try AtomicFile.write(text, to: $0 + "/adapter_config.json") }
    #expect(
      found == "DIR/adapter_config.json: not valid JSON"
        || found == "DIR/adapter_config.json: not a JSON object")
  }

  @Test func missingFiles() throws {
    #expect(
      try message { try FileManager.default.removeItem(atPath: $0 + "/adapter_config.json") }
        == "DIR/adapter_config.json: no such file")
    #expect(
      try message { try FileManager.default.removeItem(atPath: $0 + "/adapter_model.safetensors") }
        .hasPrefix("DIR/adapter_model.safetensors: "))
  }

  @Test func badRegularExpressions() throws {
    for changes in [
      ["target_modules": "(q_proj"], ["exclude_modules": "["], ["rank_pattern": ["*": 2]],
      ["alpha_pattern": ["q_proj)": 2]], ["layers_to_transform": [1], "layers_pattern": "(layers"],
      ["modules_to_save": ["(norm"]],
    ] as [[String: Any]] {
      let text = try configuration(changes)
      #expect(text.hasPrefix("DIR/"), "\(changes): \(text)")
      #expect(text.hasSuffix("is not a valid regular expression"), "\(changes): \(text)")
    }
  }

  @Test func tensorsThatDoNotFitAreNamed() throws {
    let name = "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight"
    #expect(
      try message { try rewrite($0) { $0.removeAll { $0.name == name } } }
        == "DIR/adapter_model.safetensors: 1 tensor (\(name)) missing; is this an adapter for "
        + "another model?")
    let extra = try message {
      try rewrite($0) {
        $0.append((name: "base_model.model.stray", tensor: StoredTensor(Tensor([1], [1]))))
      }
    }
    #expect(
      extra
        == "DIR/adapter_model.safetensors: 1 tensor (base_model.model.stray) that the model has "
        + "no place for; is this an adapter for another model?")
    let misshapen = try message {
      try rewrite($0) { tensors in
        for i in tensors.indices where tensors[i].name == name {
          tensors[i].tensor = StoredTensor(Tensor([1, 2], [1, 2]))
        }
      }
    }
    #expect(
      misshapen.hasPrefix("DIR/adapter_model.safetensors: \(name) is [1, 2], expected [32, 4]"))
  }

  /// A fault in the last tensor of an adapter that has already replaced biases of the model.
  @Test func aFaultHalfwayLeavesTheModelAsItWas() throws {
    let text = try message {
      try rewrite($0) { tensors in
        for i in tensors.indices
        where tensors[i].name.hasSuffix("layers.1.mlp.up_proj.base_layer.bias") {
          tensors[i].tensor = StoredTensor(Tensor([1, 2], [2]))
        }
      }
    }
    #expect(text.contains("layers.1.mlp.up_proj.base_layer.bias is [2], expected [28]"))
  }

  /// PEFT refuses an adapter with null for its targets; for one that only trains modules whole it has a
  /// name of its own.
  @Test func noTargetsAreWrittenAsPEFTHasThem() throws {
    var (lora, ia3) = (LoRAConfiguration(), IA3Configuration())
    lora.modulesToSave = ["multi_modal_projector"]
    ia3.modulesToSave = lora.modulesToSave
    for configuration in [lora, ia3] as [any AdapterConfiguration] {
      try withTemporaryDirectory { directory in
        let path = directory + "/adapter_config.json"
        try AtomicFile.write(configuration.jsonText, to: path)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.contains("\"target_modules\": \"dummy-target-modules\""))
        #expect(text.contains("\"exclude_modules\": null"))
        let read = try AdapterMethods.configuration(path: path)
        #expect(read.targets == nil && read.modulesToSave == lora.modulesToSave)
      }
    }
  }

  @Test func numbersThatAreNone() throws {
    for bad in [Float.nan, .infinity] {
      for suffix in [".q_proj.lora_A.weight", ".up_proj.base_layer.bias"] {
        let text = try message {
          try rewrite($0) { tensors in
            for i in tensors.indices
            where tensors[i].name.hasSuffix("1.self_attn" + suffix)
              || tensors[i].name.hasSuffix("1.mlp" + suffix)
            {
              var values = tensors[i].tensor.tensor()
              values[flat: values.count - 1] = bad
              tensors[i].tensor = StoredTensor(values)
            }
          }
        }
        #expect(text.hasPrefix("DIR/adapter_model.safetensors: base_model.model.model.layers.1"))
        #expect(text.contains(suffix) && text.contains("finite"), "\(text)")
      }
    }
  }

  @Test func integersForNumbers() throws {
    let text = try message {
      try rewrite($0) { tensors in
        let count = tensors[0].tensor.shape.count
        let zeros = [UInt8](repeating: 0, count: count * 4)
        tensors[0].tensor = zeros.withUnsafeBytes {
          StoredTensor(
            dtype: .int32, shape: tensors[0].tensor.shape, storage: Storage(copying: $0),
            bytes: 0..<count * 4)
        }
      }
    }
    #expect(text.contains("is I32, expected real numbers"))
  }

  @Test func notASafetensorsFile() throws {
    for text in ["", "weights", String(repeating: "\u{7F}", count: 64)] {
      let found = try message { try AtomicFile.write(text, to: $0 + "/adapter_model.safetensors") }
      #expect(found.hasPrefix("DIR/adapter_model.safetensors: "))
    }
  }

  @Test func aBiasWithoutAPlaceIsNotMerged() throws {
    let llama = try AdaptedLlama("adapters/lora/seed-1")  // no biases in the base
    let adapter = try Adapter(
      name: "default",
      LoRAConfiguration.make(targets: .names(["q_proj"])) { $0.hasLoRABias = true },
      attachingTo: llama.index, seed: 1)
    adapter.randomize(seed: 2)
    let before = llama.logits()
    let error = #expect(throws: AdapterError.self) { try adapter.merge() }
    #expect(
      error?.description == "cannot merge: model.layers.0.self_attn.q_proj has no bias to fold "
        + "lora_bias into")
    #expect(llama.logits() == before)
  }

  @Test func tiedWeightsAreNotMerged() throws {
    for (target, other) in [("lm_head", "table of embeddings"), ("embed_tokens", "head")] {
      let llama = try AdaptedLlama("adapters/lora/seed-1")
      let adapter = try Adapter(
        name: "default", LoRAConfiguration.make(targets: .names([target])),
        attachingTo: llama.index, seed: 1)
      adapter.perturb()
      let before = llama.logits()
      let error = #expect(throws: AdapterError.self) { try adapter.merge() }
      #expect(error?.description.contains("is also the model's \(other)") == true)
      #expect(llama.logits() == before)
    }
  }

  @Test func newAdaptersThatMatchNothing() throws {
    let llama = try AdaptedLlama(Self.base)
    let error = #expect(throws: AdapterError.self) {
      _ = try Adapter(
        name: "text", LoRAConfiguration.make(targets: .names(["fc1"])), attachingTo: llama.index,
        seed: 1)
    }
    #expect(error?.description.hasPrefix("adapter text: the targets fc1 match no linear") == true)
  }
}
