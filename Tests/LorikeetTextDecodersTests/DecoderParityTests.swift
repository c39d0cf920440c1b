// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetCheckpoints
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTextDecoders
import Testing

/// Every family of decoders against transformers: see Tests/Reference.
@Suite struct DecoderParityTests {
  static let cases = [
    "llama-tied", "llama-untied", "llama-biased", "llama3-rope", "llama-linear-rope",
    "llama-dynamic-rope", "llama-yarn", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi3",
    "phi3-long", "phi3-partial",
  ].flatMap { ["models/\($0)/seed-1", "models/\($0)/seed-2"] }

  /// Frequencies that change while a text grows: a cache keeps the keys of the earlier ones.
  private func dependsOnLength(_ name: String) -> Bool {
    name.contains("dynamic") || name.contains("long")
  }

  @Test(arguments: cases) func hiddenStatesAndLogits(name: String) throws {
    let decoder = try ReferenceDecoder(name)
    let (hidden, context) = decoder.hidden([decoder.ids], .inference)
    let embedded = decoder.model.embed(decoder.ids, context.tape)
    let reference = decoder.reference
    expectClose(
      embedded.value.values, try reference.expected("hidden.0").values, tolerance: 1e-6,
      "hidden.0")
    expectClose(
      hidden.value.values, try reference.expected("hidden.last").values, tolerance: 1e-4,
      "hidden.last")
    expectClose(
      decoder.model.logits(hidden, context.tape).value.values,
      try reference.expected("logits").values,
      tolerance: 1e-4, "logits")
  }

  @Test(arguments: cases, [false, true]) func lossAndGradients(
    name: String, leavesOut: Bool
  ) throws {
    let decoder = try ReferenceDecoder(name)
    for parameter in decoder.index.parameters { parameter.isTrainable = true }
    let tape = Tape(isRecording: true)
    let loss = decoder.loss(tape, leavesOut: leavesOut)
    expectClose(
      loss.value.values, try decoder.reference.expected("loss").values, tolerance: 1e-4, "loss")
    tape.backward(from: loss)
    let gradients = try decoder.reference.expectedGradients()
    #expect(!gradients.isEmpty)
    for (name, expected) in gradients {
      let parameter = decoder.index.parameters.first { $0.name == name }
      let found = try #require(parameter?.variable.gradient, "\(name) has no gradient")
      expectClose(found, expected, tolerance: 1e-3, floor: 1e-3, name)
    }
    if name.contains("llama-tied") || name.contains("gemma2") {
      #expect(gradients.count == decoder.index.parameters.count)
    }
  }

  @Test(arguments: cases) func greedyIdsThroughTheCache(name: String) throws {
    let decoder = try ReferenceDecoder(name)
    let prompt = Array(decoder.ids.prefix(try decoder.reference.greedyPromptLength()))
    let expected = try decoder.reference.expectedIntegers("greedy_ids")
    let cache = decoder.model.makeCache(slots: 1, capacity: prompt.count + expected.count)
    var sampler = Sampler.greedy
    var found: [Int] = []
    var input = prompt
    for _ in expected.indices {
      let logits = decoder.step(input, cache)
      // The same logits as without a cache.
      let (hidden, context) = decoder.hidden([prompt + found], .inference)
      let last = context.tape.selectRows(hidden, [prompt.count + found.count - 1])
      if !dependsOnLength(name) {
        expectClose(
          logits, decoder.model.logits(last, context.tape).value.values, tolerance: 1e-5,
          "cached logits")
      }
      found.append(sampler.next(logits))
      input = [found[found.count - 1]]
    }
    #expect(found == expected)
  }

  /// Packed sequences see themselves alone.
  @Test(arguments: cases) func packedSequencesEqualSingleOnes(name: String) throws {
    let decoder = try ReferenceDecoder(name)
    let sequences = [Array(decoder.ids.prefix(5)), [decoder.ids[3]], [], decoder.ids]
    let (packed, _) = decoder.hidden(sequences, .inference)
    var start = 0
    for sequence in sequences where !sequence.isEmpty {
      let (single, _) = decoder.hidden([sequence], .inference)
      expectClose(
        packed.value.rows(start..<start + sequence.count), single.value, tolerance: 1e-5,
        "\(sequence.count) tokens")
      start += sequence.count
    }
  }

  /// What is not asked for may be left out, whichever rows that are.
  @Test(
    arguments: cases,
    [[0], [5], [4, 2], [16, 6, 14, 15], Array(0..<17), [], [3, 4, 5, 10, 16, 10]])
  func wantedRowsAreThoseOfAll(name: String, wanted: [Int]) throws {
    let decoder = try ReferenceDecoder(name)
    let sequences = [Array(decoder.ids.prefix(5)), [decoder.ids[3]], [], decoder.ids.suffix(11)]
    let all = decoder.hidden(sequences.map { Array($0) }, .inference).hidden.value
    #expect(all.rows == 17)
    let found = decoder.hidden(sequences.map { Array($0) }, .inference, rows: wanted).hidden.value
    #expect(found.rows == wanted.count)
    for (place, row) in wanted.enumerated() {
      expectClose(
        found.rows(place..<place + 1), all.rows(row..<row + 1), tolerance: 1e-5, "row \(row)")
    }
  }

  /// Slots that go on from one prompt each give what a cache of their own gives.
  @Test func slotsShareAPrompt() throws {
    let decoder = try ReferenceDecoder("models/llama-untied/seed-1")
    let prompt = Array(decoder.ids.prefix(4))
    let cache = decoder.model.makeCache(slots: 3, capacity: 8)
    let tape = Tape.inference
    func run(_ tokens: [[Int]]) -> Tensor {
      let counts = tokens.map(\.count)
      let context = ForwardContext(
        tape: tape, segments: cache.segments(adding: counts),
        positions: zip(cache.lengths, counts).flatMap { Array($0..<$0 + $1) },
        modalities: ModalityLayout(.text, rows: counts.reduce(0, +)), cache: cache)
      let x = decoder.model.embed(tokens.flatMap { $0 }, tape)
      let hidden = decoder.model.hiddenStates(x, context)
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
      let (single, _) = decoder.hidden([prompt + end], .inference)
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
      _ = TransformerDecoder(
        try reference.configuration(TextDecoderConfiguration.self), model: scope.scoped("model"),
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
