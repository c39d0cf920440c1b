// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAdapters
import LorikeetAutograd
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTextDecoders
import Testing

/// What every adapter has to keep, whatever its configuration.
@Suite struct AdapterContractTests {
  struct Form: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let configuration: any AdapterConfiguration
    init(
      _ description: String, _ targets: ModuleTargets?,
      _ change: (inout LoRAConfiguration) -> Void = { _ in }
    ) {
      testDescription = description
      configuration = LoRAConfiguration.make(targets: targets, change)
    }
    init(_ description: String, _ configuration: any AdapterConfiguration) {
      testDescription = description
      self.configuration = configuration
    }
  }
  /// The base model of these tests has a bias in every linear layer, and a head of its own.
  static let base = "adapters/lora-bias/seed-2"
  static let forms = [
    Form("plain", .names(["q_proj", "down_proj"])),
    Form("all linear layers, dropout", .allLinear) { $0.dropout = 0.3 },
    Form("rank stabilised, patterns", .names(["q_proj", "up_proj"])) {
      $0.usesRankStabilisation = true
      $0.rankPattern = [("up_proj", 2)]
      $0.alphaPattern = [("layers.0.self_attn.q_proj", 3)]
    },
    Form("biases of the adapted layers", .names(["v_proj"])) { $0.bias = .loraOnly },
    Form("all biases", .names(["v_proj"])) { $0.bias = .all },
    Form("bias of its own", .names(["v_proj", "o_proj"])) { $0.hasLoRABias = true },
    Form("a module trained whole", .names(["v_proj"])) { $0.modulesToSave = ["norm", "k_proj"] },
    Form("modules trained whole alone", nil) { $0.modulesToSave = ["down_proj"] },
    Form("the embeddings", .names(["embed_tokens", "v_proj"])),
    Form("the head", .names(["lm_head", "q_proj"])) { $0.dropout = 0.1 },
    Form("DoRA on embeddings and head", .names(["lm_head", "embed_tokens"])) { $0.usesDoRA = true },
    Form("one layer", .names(["gate_proj"])) { $0.layersToTransform = [1] },
    Form("DoRA", .names(["q_proj", "down_proj"])) { $0.usesDoRA = true },
    Form("DoRA, dropout, biases", .allLinear) {
      $0.usesDoRA = true
      $0.dropout = 0.2
      $0.bias = .loraOnly
    },
    Form("(IA)^3", scaling),
  ]

  private static var scaling: IA3Configuration {
    var configuration = IA3Configuration()
    configuration.targets = .names(["k_proj", "v_proj", "down_proj"])
    configuration.feedForward = .names(["down_proj"])
    configuration.modulesToSave = ["o_proj"]
    return configuration
  }

  private func attach(_ form: Form, to llama: AdaptedLlama, seed: UInt64 = 5) throws -> Adapter {
    try Adapter(name: "default", form.configuration, attachingTo: llama.index, seed: seed)
  }

  @Test(arguments: forms) func aNewAdapterChangesNothing(form: Form) throws {
    let llama = try AdaptedLlama(Self.base)
    let before = llama.logits()
    let adapter = try attach(form, to: llama)
    // DoRA takes the bias off and puts it back, which rounds.
    expectClose(llama.logits(), before, tolerance: form.testDescription.contains("DoRA") ? 1e-5 : 0)
    #expect(adapter.parameters.allSatisfy { $0.parameter.isTrainable })
    #expect(!adapter.parameters.isEmpty)
    #expect(Set(adapter.parameters.map(\.name)).count == adapter.parameters.count)
  }

  @Test(arguments: forms) func onlyItsParametersTrain(form: Form) throws {
    let llama = try AdaptedLlama(Self.base)
    let adapter = try attach(form, to: llama)
    adapter.randomize(seed: 3)
    let tape = Tape(isRecording: true)
    tape.backward(from: try llama.loss(tape))
    let own = Set(adapter.parameters.map { ObjectIdentifier($0.parameter) })
    for (name, parameter) in adapter.parameters {
      #expect(parameter.variable.gradient != nil, "\(name)")
    }
    for parameter in llama.index.parameters where !own.contains(ObjectIdentifier(parameter)) {
      #expect(!parameter.isTrainable && parameter.variable.gradient == nil, "\(parameter.name)")
    }
  }

  @Test(arguments: forms) func mergedOutputEqualsAdaptedOutput(form: Form) throws {
    let llama = try AdaptedLlama(Self.base)
    let before = llama.logits()
    let adapter = try attach(form, to: llama)
    adapter.perturb()
    let adapted = llama.logits()
    #expect(adapted != before)
    try adapter.merge()
    #expect(llama.index.linears.allSatisfy { $0.adapters.isEmpty })
    expectClose(llama.logits(), adapted, tolerance: 1e-5)
    // Detaching comes too late to change anything, what was trained whole included.
    let merged = llama.baseBytes()
    adapter.detach()
    #expect(llama.baseBytes() == merged)
    #expect(llama.index.parameters.allSatisfy { !$0.isTrainable })
  }

  @Test(arguments: forms) func detachingRestoresExactly(form: Form) throws {
    let llama = try AdaptedLlama(Self.base)
    let (before, bytes) = (llama.logits(), llama.baseBytes())
    let adapter = try attach(form, to: llama)
    adapter.perturb()
    #expect(llama.logits() != before)
    adapter.detach()
    #expect(llama.logits() == before)
    #expect(llama.baseBytes() == bytes)
    #expect(llama.index.parameters.allSatisfy { !$0.isTrainable })
  }

  /// What every method amounts to is LoRA of a high enough rank.
  @Test(arguments: forms) func itsLoRAGivesTheSame(form: Form) throws {
    let llama = try AdaptedLlama(Self.base)
    let before = llama.logits()
    let adapter = try attach(form, to: llama)
    adapter.perturb()
    let adapted = llama.logits()
    let (weights, report) = try adapter.asLoRA(.rank(1000))
    #expect(report.error < 1e-5)
    adapter.detach()
    #expect(llama.logits() == before)
    let lora = try Adapter(name: "lora", weights, attachingTo: llama.index, source: "test")
    #expect(lora.configuration is LoRAConfiguration)
    expectClose(llama.logits(), adapted, tolerance: 2e-5)
    lora.detach()
    #expect(llama.logits() == before)
  }

  @Test(arguments: forms) func savedAndLoadedGivesTheSame(form: Form) throws {
    try withTemporaryDirectory { directory in
      let llama = try AdaptedLlama(Self.base)
      let adapter = try attach(form, to: llama)
      adapter.perturb()
      try adapter.save(to: directory)
      let second = try AdaptedLlama(Self.base)
      let loaded = try Adapter(name: "other", directory: directory, attachingTo: second.index)
      #expect(second.logits() == llama.logits())
      #expect(loaded.configuration.jsonText == form.configuration.jsonText)
      #expect(loaded.parameters.map(\.name) == adapter.parameters.map(\.name))
      // Saved once more, the files are the same byte for byte.
      try loaded.save(to: directory + "/again")
      for file in ["adapter_config.json", "adapter_model.safetensors"] {
        let first = FileManager.default.contents(atPath: directory + "/" + file)
        #expect(first != nil)
        #expect(first == FileManager.default.contents(atPath: directory + "/again/" + file))
      }
    }
  }

  /// A is uniform in +-1 / sqrt(in), B zero, and both depend on the seed alone.
  @Test func initialValues() throws {
    func values(_ seed: UInt64) throws -> [(String, [Float], Int)] {
      let llama = try AdaptedLlama(Self.base)
      return try attach(Self.forms[0], to: llama, seed: seed).parameters.map {
        ($0.name, $0.parameter.variable.value.values, $0.parameter.shape[1])
      }
    }
    let first = try values(1)
    for (name, values, width) in first {
      if name.hasSuffix("lora_B.weight") {
        #expect(values.allSatisfy { $0 == 0 })
      } else {
        let bound = 1 / Float(width).squareRoot()
        #expect(values.allSatisfy { abs($0) <= bound })
        #expect((values.max() ?? 0) > 0.7 * bound)
        #expect((values.min() ?? 0) < -0.7 * bound)
      }
    }
    #expect(try first.map(\.1) == values(1).map(\.1))
    #expect(try first.map(\.1) != values(2).map(\.1))
  }

  @Test func dropoutActsInTrainingOnly() throws {
    let llama = try AdaptedLlama(Self.base)
    let adapter = try attach(Self.forms[1], to: llama)
    adapter.randomize(seed: 1)
    func run(isTraining: Bool, seed: UInt64) -> [Float] {
      let context = ForwardContext(
        tape: .inference, isTraining: isTraining, lengths: [llama.ids.count], modality: .text,
        random: RandomStream(seed: seed))
      let x = llama.model.embed(llama.ids, context.tape)
      return llama.model.hiddenStates(x, context).value.values
    }
    #expect(run(isTraining: false, seed: 1) == run(isTraining: false, seed: 2))
    #expect(run(isTraining: true, seed: 1) == run(isTraining: true, seed: 1))
    #expect(run(isTraining: true, seed: 1) != run(isTraining: true, seed: 2))
    #expect(run(isTraining: true, seed: 1) != run(isTraining: false, seed: 1))
  }
}
