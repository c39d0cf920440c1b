// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetCheckpoints
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTextDecoders
import Testing

/// Llama against transformers: see Tests/Reference.
@Suite struct LlamaParityTests {
  static let cases = ["llama-tied", "llama-untied", "llama-biased"]
    .flatMap { ["models/\($0)/seed-1", "models/\($0)/seed-2"] }

  @Test(arguments: cases) func hiddenStatesAndLogits(name: String) throws {
    let llama = try ReferenceLlama(name)
    let (hidden, context) = llama.hidden([llama.ids], .inference)
    let embedded = context.tape.embed(llama.model.embeddings, llama.ids)
    let reference = llama.reference
    expectClose(
      embedded.value.values, try reference.expected("hidden.0").values, tolerance: 0, "hidden.0")
    expectClose(
      hidden.value.values, try reference.expected("hidden.last").values, tolerance: 1e-4,
      "hidden.last")
    expectClose(
      llama.model.logits(hidden, context).value.values, try reference.expected("logits").values,
      tolerance: 1e-4, "logits")
  }

  @Test(arguments: cases) func lossAndGradients(name: String) throws {
    let llama = try ReferenceLlama(name)
    for parameter in llama.index.parameters { parameter.isTrainable = true }
    let tape = Tape(isRecording: true)
    let loss = llama.loss(tape)
    expectClose(
      loss.value.values, try llama.reference.expected("loss").values, tolerance: 1e-4, "loss")
    tape.backward(from: loss)
    let gradients = try llama.reference.expectedGradients()
    #expect(!gradients.isEmpty)
    for (name, expected) in gradients {
      let parameter = llama.index.parameters.first { $0.name == name }
      let found = try #require(parameter?.variable.gradient, "\(name) has no gradient")
      expectClose(found, expected, tolerance: 1e-3, floor: 1e-3, name)
    }
    if name.contains("llama-tied") {
      #expect(gradients.count == llama.index.parameters.count)
    }
  }

  @Test(arguments: cases) func greedyIdsThroughTheCache(name: String) throws {
    let llama = try ReferenceLlama(name)
    let prompt = Array(llama.ids.prefix(try llama.reference.greedyPromptLength()))
    let expected = try llama.reference.expectedIntegers("greedy_ids")
    let cache = llama.model.makeCache(slots: 1, capacity: prompt.count + expected.count)
    var sampler = Sampler.greedy
    var found: [Int] = []
    var input = prompt
    for _ in expected.indices {
      let logits = llama.step(input, cache)
      // The same logits as without a cache.
      let (hidden, context) = llama.hidden([prompt + found], .inference)
      let last = context.tape.selectRows(hidden, [prompt.count + found.count - 1])
      expectClose(
        logits, llama.model.logits(last, context).value.values, tolerance: 1e-5, "cached logits")
      found.append(sampler.next(logits))
      input = [found[found.count - 1]]
    }
    #expect(found == expected)
  }

  /// Packed sequences see themselves alone.
  @Test(arguments: cases) func packedSequencesEqualSingleOnes(name: String) throws {
    let llama = try ReferenceLlama(name)
    let sequences = [Array(llama.ids.prefix(5)), [llama.ids[3]], [], llama.ids]
    let (packed, _) = llama.hidden(sequences, .inference)
    var start = 0
    for sequence in sequences where !sequence.isEmpty {
      let (single, _) = llama.hidden([sequence], .inference)
      expectClose(
        packed.value.rows(start..<start + sequence.count), single.value, tolerance: 1e-5,
        "\(sequence.count) tokens")
      start += sequence.count
    }
  }

  /// Slots that go on from one prompt each give what a cache of their own gives.
  @Test func slotsShareAPrompt() throws {
    let llama = try ReferenceLlama("models/llama-untied/seed-1")
    let prompt = Array(llama.ids.prefix(4))
    let cache = llama.model.makeCache(slots: 3, capacity: 8)
    let tape = Tape.inference
    func run(_ tokens: [[Int]]) -> Tensor {
      let counts = tokens.map(\.count)
      let context = ForwardContext(
        tape: tape, segments: cache.segments(adding: counts),
        positions: zip(cache.lengths, counts).flatMap { Array($0..<$0 + $1) },
        modalities: ModalityLayout(.text, rows: counts.reduce(0, +)), cache: cache)
      let x = tape.embed(llama.model.embeddings, tokens.flatMap { $0 })
      let hidden = llama.model.hiddenStates(x, context)
      cache.advance(by: counts)
      return hidden.value
    }
    _ = run([prompt, [], []])
    cache.spreadFirstSlot()
    #expect(cache.lengths == [4, 4, 4])
    let ends = [[7], [9, 11], [13]]
    let found = run(ends)
    var row = 0
    for end in ends {
      let (single, _) = llama.hidden([prompt + end], .inference)
      expectClose(
        found.rows(row..<row + end.count), single.value.rows(4..<4 + end.count), tolerance: 1e-5,
        "\(end)")
      row += end.count
    }
  }

  @Test func tensorsThatDoNotFitAreListedByName() throws {
    try withTemporaryDirectory { directory in
      let reference = try ReferenceCase("models/llama-untied/seed-1")
      let file = try SafetensorsFile(path: reference.modelDirectory + "/model.safetensors")
      var tensors = file.names.compactMap { name in file[name].map { (name, $0) } }
      tensors.removeAll { $0.0 == "model.norm.weight" }
      tensors.removeAll { $0.0 == "model.layers.1.mlp.up_proj.weight" }
      tensors.append(("model.layers.1.mlp.up_proj.weight", StoredTensor(Tensor([1, 2], [1, 2]))))
      tensors.append(("model.layers.7.stray", StoredTensor(Tensor([1], [1]))))
      let path = directory + "/model.safetensors"
      try SafetensorsFile.write(tensors.map { (name: $0.0, tensor: $0.1) }, to: path)
      let reader = CheckpointReader(try Checkpoint(directory: directory))
      let scope = LayerScope(.checkpoint(reader), index: ModuleIndex())
      _ = Llama(
        try reference.configuration(LlamaConfiguration.self), model: scope.scoped("model"),
        head: scope)
      let error = #expect(throws: CheckpointError.self) { try reader.finish() }
      let text = error?.description ?? ""
      for part in [
        path, "model.norm.weight", "model.layers.1.mlp.up_proj.weight", "[1, 2]", "[36, 24]",
        "model.layers.7.stray",
      ] {
        #expect(text.contains(part), "\(text) lacks \(part)")
      }
      #expect(!text.contains("\n"))
    }
  }
}
