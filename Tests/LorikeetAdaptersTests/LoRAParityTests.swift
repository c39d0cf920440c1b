// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAdapters
import LorikeetAutograd
import LorikeetCheckpoints
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTextDecoders
import Testing

/// LoRA and other methods against PEFT: see Tests/Reference.
@Suite struct LoRAParityTests {
  static let cases = [
    "lora", "lora-rslora", "lora-patterns", "lora-rslora-patterns", "lora-bias", "lora-layers",
    "lora-bias-all", "lora-own-bias", "lora-embedding", "lora-head", "lora-tokens", "dora",
    "dora-embedding", "ia3",
  ].flatMap { ["adapters/\($0)/seed-1", "adapters/\($0)/seed-2"] }

  @Test(arguments: cases) func outputsEqualThoseOfPEFT(name: String) throws {
    let llama = try AdaptedLlama(name)
    let before = llama.logits()
    _ = try llama.adapter()
    let expected = try llama.reference.expected("logits").values
    expectClose(llama.logits(), expected, tolerance: 1e-4, "logits")
    // The adapter matters: without it the outputs are others.
    let difference = zip(before, expected).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(difference > 1e-2)
    expectClose(
      try llama.loss(.inference).value.values, try llama.reference.expected("loss").values,
      tolerance: 1e-4, "loss")
  }

  @Test(arguments: cases) func gradientsEqualThoseOfPEFT(name: String) throws {
    let llama = try AdaptedLlama(name)
    let adapter = try llama.adapter()
    #expect(adapter.parameters.allSatisfy { !$0.parameter.isTrainable })
    for entry in adapter.parameters { entry.parameter.isTrainable = true }
    let trainable = adapter.parameters.reduce(0) { $0 + $1.parameter.shape.count }
    #expect(try [trainable] == llama.reference.expectedIntegers("trainable_parameters"))
    let tape = Tape(isRecording: true)
    tape.backward(from: try llama.loss(tape))
    let gradients = try llama.reference.expectedGradients()
    #expect(Set(gradients.map(\.name)) == Set(adapter.parameters.map(\.name)))
    let found = Dictionary(uniqueKeysWithValues: adapter.parameters.map { ($0.name, $0.parameter) })
    for (name, expected) in gradients {
      let gradient = try #require(found[name]?.variable.gradient, "\(name) has no gradient")
      expectClose(gradient, expected, tolerance: 1e-3, floor: 1e-3, name)
    }
    // Nothing else gets any.
    let own = Set(adapter.parameters.map { ObjectIdentifier($0.parameter) })
    for parameter in llama.index.parameters where !own.contains(ObjectIdentifier(parameter)) {
      #expect(parameter.variable.gradient == nil, "\(parameter.name)")
    }
  }

  @Test(arguments: cases) func greedyIdsEqualThoseOfPEFT(name: String) throws {
    let llama = try AdaptedLlama(name)
    _ = try llama.adapter()
    var ids = Array(llama.ids.prefix(try llama.reference.greedyPromptLength()))
    let expected = try llama.reference.expectedIntegers("greedy_ids")
    let cache = llama.model.makeCache(slots: 1, capacity: ids.count + expected.count)
    var sampler = Sampler.greedy
    var found: [Int] = []
    for _ in expected.indices {
      let start = cache.lengths[0]
      let context = ForwardContext(
        tape: .inference, segments: cache.segments(adding: [ids.count]),
        positions: Array(start..<start + ids.count),
        modalities: ModalityLayout(.text, rows: ids.count), cache: cache)
      let hidden = llama.model.hiddenStates(
        llama.model.embed(ids, context.tape), context)
      cache.advance(by: [ids.count])
      let last = context.tape.selectRows(hidden, [ids.count - 1])
      found.append(sampler.next(llama.model.logits(last, context.tape).value.values))
      ids = [found[found.count - 1]]
    }
    #expect(found == expected)
  }

  @Test(arguments: cases) func whatIsSavedIsWhatWasLoaded(name: String) throws {
    try withTemporaryDirectory { directory in
      let llama = try AdaptedLlama(name)
      let adapter = try llama.adapter()
      try adapter.save(to: directory + "/copy")
      let original = try SafetensorsFile(
        path: llama.reference.adapterDirectory + "/adapter_model.safetensors")
      let copy = try SafetensorsFile(path: directory + "/copy/adapter_model.safetensors")
      #expect(copy.names == original.names)
      #expect(copy.metadata == ["format": "pt"])
      for name in original.names {
        let (a, b) = (try #require(original[name]), try #require(copy[name]))
        #expect((a.dtype, a.shape) == (b.dtype, b.shape))
        #expect(a.withBytes { Data($0) } == b.withBytes { Data($0) }, "\(name)")
      }
      let path = llama.reference.adapterDirectory + "/adapter_config.json"
      #expect(
        try AdapterMethods.configuration(path: directory + "/copy/adapter_config.json").jsonText
          == AdapterMethods.configuration(path: path).jsonText)
      // Every key that is written has the value that PEFT wrote (lists are sets there).
      func read(_ path: String) throws -> [String: Any] {
        let data = try Data(contentsOf: URL(filePath: path))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
      }
      let (found, expected) = (
        try read(directory + "/copy/adapter_config.json"), try read(path)
      )
      for (key, value) in found {
        let other = try #require(expected[key] as? NSObject, "\(key) is not PEFT's")
        if let a = value as? [String], let b = other as? [String] {
          #expect(Set(a) == Set(b), "\(key)")
        } else if let list = other as? [String], list.count == 1, let one = value as? [String] {
          #expect(one == list, "\(key)")
        } else if key != "layers_pattern" {
          #expect(value as? NSObject == other, "\(key)")
        }
      }
      // A second model opens it and gives the same.
      let expectedLogits = llama.logits()
      let second = try AdaptedLlama(name)
      _ = try AdapterSet(directory: directory + "/copy", attachingTo: second.index)
      #expect(second.logits() == expectedLogits)
    }
  }

  @Test(arguments: cases) func mergedOutputEqualsAdaptedOutput(name: String) throws {
    let llama = try AdaptedLlama(name)
    let adapter = try llama.adapter()
    let adapted = llama.logits()
    if name.hasSuffix("-embedding/seed-1") || name.hasSuffix("-head/seed-1") {
      // The head is tied to the embeddings, and PEFT's terms change one of the two only.
      #expect(throws: AdapterError.self) { try adapter.merge() }
      #expect(llama.logits() == adapted)
      return
    }
    try adapter.merge()
    #expect(llama.index.linears.allSatisfy { $0.adapters.isEmpty })
    expectClose(llama.logits(), adapted, tolerance: 1e-5, "merged")
    expectClose(
      llama.logits(), try llama.reference.expected("logits").values, tolerance: 1e-4, "logits")
  }

  @Test(arguments: cases) func detachingRestoresTheModelExactly(name: String) throws {
    let llama = try AdaptedLlama(name)
    let (bytes, logits) = (llama.baseBytes(), llama.logits())
    let adapter = try llama.adapter()
    for entry in adapter.parameters { entry.parameter.isTrainable = true }
    #expect(llama.logits() != logits)
    adapter.detach()
    #expect(llama.logits() == logits)
    #expect(llama.baseBytes() == bytes)
    #expect(llama.index.parameters.allSatisfy { !$0.isTrainable })
    #expect(llama.index.linears.allSatisfy { $0.adapters.isEmpty })
  }
}
