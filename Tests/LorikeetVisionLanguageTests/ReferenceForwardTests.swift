// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAdapters
import LorikeetAutograd
import LorikeetCheckpoints
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetVisionLanguage
import Testing

/// Whole models against transformers and PEFT.
@Suite struct ReferenceForwardTests {
  static let cases = [
    "models/llava", "models/llava-full", "models/llava-two-images", "models/llava-clip-gemma2",
    "models/llava-siglip-qwen2", "models/llava-registers-phi3", "models/llava-next",
    "models/llava-next-siglip", "models/llava-siglip-float16", "models/llava-clip-bfloat16",
    "models/idefics3", "models/paligemma", "models/paligemma-windows", "models/qwen2-vl",
    "models/qwen2.5-vl",
    "adapters/llava-lora", "adapters/llava-lora-projector", "adapters/llava-next-lora",
    "adapters/idefics3-lora", "adapters/qwen2-vl-lora",
  ].flatMap { ["\($0)/seed-1", "\($0)/seed-2"] }

  private func open(_ name: String) throws -> (ReferenceCase, ReferenceForward, ReferenceInputs) {
    let reference = try ReferenceCase(name)
    let adapter = name.hasPrefix("adapters/") ? reference.adapterDirectory : nil
    return (
      reference,
      try ReferenceForward(
        model: reference.modelDirectory, adapters: adapter.map { AdapterSelection(directory: $0) }),
      try ReferenceInputs(path: reference.directory + "/inputs.safetensors")
    )
  }

  @Test(arguments: cases) func outputsGradientsAndGreedyTokens(name: String) throws {
    let (reference, forward, inputs) = try open(name)
    let greedy = try reference.expectedIntegers("greedy_ids")
    let outputs = try forward.outputs(
      for: inputs, gradients: true,
      generation: .init(count: greedy.count, prompt: try reference.greedyPromptLength()))
    let found = Dictionary(uniqueKeysWithValues: outputs.map { ($0.name, $0.tensor) })
    for key in ["logits", "loss", "image_features"] {
      expectClose(
        try #require(found[key]).tensor(), try reference.expected(key), tolerance: 1e-4, key)
    }
    for (name, gradient) in try reference.expectedGradients() {
      expectClose(
        try #require(found["grad." + name], "no gradient of \(name)").tensor(), gradient,
        tolerance: 1e-3, floor: 1e-3, name)
    }
    #expect(found["greedy_ids"]?.integers() == greedy)
    #expect(found["greedy_ids"]?.shape == [1, greedy.count])
    if reference.hasExpected("trainable_parameters") {
      #expect(
        found["trainable_parameters"]?.integers()
          == (try reference.expectedIntegers("trainable_parameters")))
    } else {
      #expect(found["trainable_parameters"] == nil)
    }
  }

  @Test(arguments: [
    "models/dual-clip/seed-1", "models/dual-clip/seed-2", "models/dual-siglip/seed-1",
    "models/dual-siglip/seed-2",
  ])
  func dualEncoders(name: String) throws {
    let (reference, forward, inputs) = try open(name)
    let outputs = try forward.outputs(for: inputs)
    #expect(outputs.map(\.name) == ["logits_per_image", "image_embeds", "text_embeds"])
    for (key, tensor) in outputs {
      expectClose(tensor.tensor(), try reference.expected(key), tolerance: 1e-4, key)
    }
    #expect(throws: FileError.self) { try forward.outputs(for: inputs, gradients: true) }
  }

  /// transformers keeps a head that the file has beside embeddings that the configuration ties it to.
  @Test func aTiedHeadThatDiffersIsKept() throws {
    let reference = try ReferenceCase("models/llama-tied/seed-1")
    let file = try SafetensorsFile(path: reference.modelDirectory + "/model.safetensors")
    let table = try #require(file["model.embed_tokens.weight"])
    var other = table.tensor()
    for index in stride(from: 0, to: other.count, by: 3) { other[flat: index] += 0.5 }
    let hidden = try reference.expected("hidden.last")
    for (head, isKept) in [(table.tensor(), false), (other, true)] {
      try withTemporaryDirectory { directory in
        try FileManager.default.copyItem(
          atPath: reference.modelDirectory + "/config.json", toPath: directory + "/config.json")
        try SafetensorsFile.write(
          file.names.compactMap { name in file[name].map { (name, $0) } } + [
            ("lm_head.weight", StoredTensor(head))
          ], to: directory + "/model.safetensors")
        let forward = try ReferenceForward(model: directory)
        let logits = try #require(
          try forward.outputs(
            for: ReferenceInputs(path: reference.directory + "/inputs.safetensors")
          ).first { $0.name == "logits" })
        let expected = Kernels.product(hidden, isKept ? other : table.tensor(), transposeB: true)
        expectClose(
          logits.tensor.tensor().values, expected.values, tolerance: 1e-4, "kept: \(isKept)")
        #expect(forward.model.index.parameters.contains { $0.name == "lm_head.weight" } == isKept)
      }
    }
  }

  @Test func parametersThatTheLossDoesNotReachHaveNoGradient() throws {
    let (reference, forward, inputs) = try open("models/llava/seed-1")
    let found = Set(try forward.outputs(for: inputs, gradients: true).map(\.name))
    let expected = Set(try reference.expectedGradients().map { "grad." + $0.name })
    #expect(found.filter { $0.hasPrefix("grad.") } == expected)
    // The block after the feature layer is there, and is not reached.
    #expect(
      forward.model.index.parameters.contains {
        $0.name.hasPrefix("vision_tower.encoder.layer.") && !expected.contains("grad." + $0.name)
      })
  }

  @Test func gradientsLeaveTheModelFrozenAndUnchanged() throws {
    let (_, forward, inputs) = try open("adapters/llava-lora/seed-1")
    let before = try forward.outputs(for: inputs).first { $0.name == "logits" }
    let first = try forward.outputs(for: inputs, gradients: true)
    let second = try forward.outputs(for: inputs, gradients: true)
    #expect(first.map(\.name) == second.map(\.name))
    for (a, b) in zip(first, second) where a.tensor.dtype == .float32 {
      #expect(a.tensor.tensor().values == b.tensor.tensor().values, "\(a.name)")
    }
    let after = try forward.outputs(for: inputs).first { $0.name == "logits" }
    #expect(before?.tensor.tensor().values == after?.tensor.tensor().values)
    #expect(forward.model.index.parameters.allSatisfy { !$0.isTrainable })
  }

  /// Writes integers `[rows, tokens]` and, if given, pixels.
  private func inputs(
    _ directory: String, _ tensors: [String: [[Int]]], pixels: Tensor? = nil
  ) throws -> ReferenceInputs {
    let path = directory + "/inputs.safetensors"
    try SafetensorsFile.write(
      tensors.map { name, rows in
        let values = rows.flatMap { $0 }.map(Int64.init)
        return (
          name,
          StoredTensor(
            dtype: .int64, shape: [rows.count, rows[0].count],
            storage: values.withUnsafeBytes { Storage(copying: $0) }, bytes: 0..<values.count * 8)
        )
      } + (pixels.map { [("pixel_values", StoredTensor($0))] } ?? []), to: path)
    return try ReferenceInputs(path: path)
  }

  @Test func paddedRowsOfABatchAreTheRowsAlone() throws {
    let (reference, forward, alone) = try open("models/llava-two-images/seed-1")
    let ids = try #require(alone.ids)[0]
    let labels = try #require(alone.labels)[0]
    let expected = try reference.expected("logits")
    let (tokens, vocabulary) = (ids.count, expected.shape[2])
    let pixels = try reference.input("pixel_values")
    // The row with padding after it and the row with padding before it: four images.
    let after = { (row: [Int], fill: Int) in row + [fill, fill, fill] }
    let before = { (row: [Int], fill: Int) in [fill, fill, fill] + row }
    // The first real token after padding is not predicted by anything.
    let unpredicted = [-100] + labels.dropFirst()
    try withTemporaryDirectory { directory in
      let batch = try inputs(
        directory,
        [
          "input_ids": [after(ids, 0), before(ids, 0)],
          "labels": [after(labels, -100), before(unpredicted, -100)],
          "attention_mask": [
            after(ids.map { _ in 1 }, 0), before(ids.map { _ in 1 }, 0),
          ],
        ],
        pixels: Tensor(
          pixels.values + pixels.values, [4, 3, pixels.shape[2], pixels.shape[3]]))
      let outputs = try forward.outputs(for: batch, generation: .init(count: 2, prompt: tokens))
      let logits = try #require(outputs.first { $0.name == "logits" }).tensor.tensor()
      #expect(logits.shape == [2, tokens + 3, vocabulary])
      expectClose(
        logits.rows(0..<tokens).values, expected.values, tolerance: 1e-4, "padding after")
      expectClose(
        logits.rows(tokens + 6..<2 * tokens + 6).values, expected.values, tolerance: 1e-4,
        "padding before")
      #expect(logits.rows(tokens..<tokens + 6).values.allSatisfy { $0 == 0 })
      let loss = try #require(outputs.first { $0.name == "loss" }).tensor.tensor()
      expectClose(loss, try reference.expected("loss"), tolerance: 1e-4, "loss")
      #expect(outputs.first { $0.name == "greedy_ids" }?.tensor.shape == [2, 2])
    }
  }

  @Test func imageTokensWithoutPicturesAreWords() throws {
    let llava = try Llava()
    let image = try #require(llava.model.vision).imageToken
    let forward = try ReferenceForward(model: llava.reference.modelDirectory)
    try withTemporaryDirectory { directory in
      let outputs = try forward.outputs(
        for: try inputs(directory, ["input_ids": [[3, image, 5]]]))
      #expect(outputs.map(\.name) == ["logits", "hidden.0", "hidden.last"])
      expectClose(
        outputs[0].tensor.tensor().rows(2..<3).values,
        llava.nextLogits(TokenSequence(parts: [.tokens([3, image, 5])]), []), tolerance: 1e-5)
    }
  }

  /// Layouts of LLaVA files in circulation other than the published one.
  @Test(arguments: ["modules", "headless", "attention"])
  func weightsUnderOtherNamesAreFound(layout: String) throws {
    let reference = try ReferenceCase("models/llava/seed-1")
    try withTemporaryDirectory { directory in
      try FileManager.default.copyItem(
        atPath: reference.modelDirectory + "/config.json", toPath: directory + "/config.json")
      let file = try SafetensorsFile(path: reference.modelDirectory + "/model.safetensors")
      let modules = [
        ("language_model.model.", "model.language_model."), ("language_model.lm_head", "lm_head"),
        ("vision_tower.", "model.vision_tower."),
        ("multi_modal_projector.", "model.multi_modal_projector."),
      ]
      let attention = [
        ("attention.attention.query", "attention.q_proj"),
        ("attention.attention.key", "attention.k_proj"),
        ("attention.attention.value", "attention.v_proj"),
        ("attention.output.dense", "attention.o_proj"),
      ]
      let renamings =
        switch layout {
        case "modules": modules
        case "headless": [("language_model.model.", "language_model.")]
        default: modules + attention
        }
      var changed = 0
      let tensors = file.names.compactMap { name in
        var new = name
        for (old, with) in renamings {
          if let range = new.range(of: old),
            old.hasPrefix("attention") || range.lowerBound == new.startIndex
          {
            new.replaceSubrange(range, with: with)
          }
        }
        changed += new == name ? 0 : 1
        return file[name].map { (new, $0) }
      }
      #expect(changed > 10)
      try SafetensorsFile.write(tensors, to: directory + "/model.safetensors")
      let outputs = try ReferenceForward(model: directory).outputs(
        for: try ReferenceInputs(path: reference.directory + "/inputs.safetensors"))
      expectClose(
        outputs[0].tensor.tensor(), try reference.expected("logits"), tolerance: 1e-4, layout)
    }
  }
}
