// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAdapters
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import LorikeetVisionLanguage
import Testing

/// Adapters in the formats of others. Tests/Reference/check_gguf_adapter.py holds a GGUF file against
/// llama.cpp itself.
@Suite struct AdapterExportTests {
  private func export(
    _ name: String, _ format: AdapterFormat, _ truncation: AdapterTruncation? = nil,
    to output: String
  ) throws {
    _ = try ModelConversion.writeAdapter(
      model: Fixtures.path("adapters/\(name)/model"),
      AdapterSelection(directory: Fixtures.path("adapters/\(name)/adapter")), to: format,
      truncation,
      output: output)
  }

  /// What stands in the file, multiplied as llama.cpp does it, is PEFT's s B A with the rows of queries
  /// and keys in GGUF's order.
  @Test(arguments: [
    "lora/seed-1", "lora-rslora/seed-1", "lora-patterns/seed-2", "lora-rslora-patterns/seed-1",
    "lora-embedding/seed-2", "lora-head/seed-2",
  ])
  func factorsInGGUF(name: String) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/lora.gguf"
      try export(name, .gguf, to: path)
      let file = try GGUFFile(path: path)
      #expect(try file.string("general.architecture") == "llama")
      #expect(try file.string("general.type") == "adapter")
      #expect(try file.string("adapter.type") == "lora")
      let alpha = Float(try #require(try file.number("adapter.lora.alpha")))
      let source = Fixtures.path("adapters/\(name)/adapter")
      let settings = try LoRAConfiguration(path: source + "/adapter_config.json")
      let tensors = try SafetensorsFile(path: source + "/adapter_model.safetensors")
      var seen = 0
      for key in tensors.names where key.contains(".lora_A.") || key.hasSuffix(".lora_embedding_A")
      {
        let isEmbedding = key.hasSuffix("_A")
        let other = key.replacingOccurrences(of: "_A", with: "_B")
        let (a, b) = (try #require(tensors[key]).tensor(), try #require(tensors[other]).tensor())
        let module = key.dropFirst("base_model.model.".count)
          .replacingOccurrences(of: isEmbedding ? ".lora_embedding_A" : ".lora_A.weight", with: "")
        let scale = settings.scale(rank: a.rows, alpha: settings.alpha(of: module))
        #expect(a.rows == settings.rank(of: module))
        let expected = Kernels.product(b, a, alpha: scale)
        let place = try #require(Self.place(of: module))
        var found = try #require(file[place + ".weight.lora_a"]).tensor()
        if isEmbedding { found = Kernels.transposed(found) }
        let second = try #require(file[place + ".weight.lora_b"]).tensor()
        let delta = Kernels.product(second, found, alpha: alpha / Float(second.width))
        // 4 heads of 8 channels for queries, 2 for keys: see the script.
        let heads = place.hasSuffix("attn_q") ? 4 : place.hasSuffix("attn_k") ? 2 : 0
        let half = heads > 0 ? delta.rows / heads / 2 : 0
        let rows = (0..<delta.rows).map { row in
          guard heads > 0 else { return row }
          // [heads, 2, half] became [heads, half, 2].
          let (head, rest) = row.quotientAndRemainder(dividingBy: 2 * half)
          return head * 2 * half + rest % half * 2 + rest / half
        }
        let ordered = Kernels.gatherRows(rows.map { (delta, $0..<$0 + 1) }, width: delta.width)
        expectClose(ordered, expected, tolerance: 1e-5, module)
        seen += 2
      }
      #expect(seen == file.names.count)
    }
  }

  /// model.layers.1.mlp.up_proj to blk.1.ffn_up.
  private static func place(of module: String) -> String? {
    let ends = [
      "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
      "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down",
      "embed_tokens": "token_embd", "lm_head": "output",
    ]
    let parts = module.split(separator: ".")
    guard let end = parts.last.flatMap({ ends[String($0)] }) else { return nil }
    return parts.count > 3 ? "blk.\(parts[2]).\(end)" : end
  }

  @Test func whatGGUFHasNoPlaceFor() throws {
    for (name, reason) in [
      ("lora-own-bias/seed-1", "adapter also holds"), ("lora-bias/seed-1", "adapter also holds"),
      ("lora-embedding/seed-1", "is tied to the other embeddings"),
      ("lora-head/seed-1", "is tied to the other embeddings"), ("dora/seed-1", "whole tensors"),
      ("ia3/seed-1", "IA3 is of full rank on"), ("dora-embedding/seed-2", "is DoRA"),
      ("llava-lora/seed-1", "config.json: is not a text decoder of the Llama family"),
    ] {
      try withTemporaryDirectory { directory in
        let path = directory + "/lora.gguf"
        do {
          try export(name, .gguf, to: path)
          Issue.record("\(name) was written")
        } catch { #expect("\(error)".contains(reason), "\(name): \(error)") }
        #expect(!FileManager.default.fileExists(atPath: path))
      }
    }
  }

  /// A vision-language model's modules have the names of its checkpoint for MLX, and come back.
  @Test(arguments: [AdapterFormat.peft, .mlx], [nil, AdapterTruncation.rank(40)])
  func visionLanguageModels(format: AdapterFormat, truncation: AdapterTruncation?) throws {
    let name = "adapters/llava-lora/seed-1"
    try withTemporaryDirectory { directory in
      let output = directory + "/out"
      try export("llava-lora/seed-1", format, truncation, to: output)
      if format == .mlx {
        let names = try SafetensorsFile(path: output + "/adapters.safetensors").names
        #expect(names.contains("language_model.model.layers.0.self_attn.q_proj.lora_a"))
        #expect(names.contains("multi_modal_projector.linear_1.lora_b"))
      }
      let reference = try ReferenceCase(name)
      let found = try ReferenceForward(
        model: reference.modelDirectory, adapters: AdapterSelection(directory: output)
      ).outputs(for: ReferenceInputs(path: reference.directory + "/inputs.safetensors"))
      let logits = try #require(found.first { $0.name == "logits" }).tensor.tensor()
      expectClose(logits, try reference.expected("logits"), tolerance: 1e-4)
      // Neither is overwritten.
      #expect(throws: (any Error).self) {
        try export("llava-lora/seed-1", format, truncation, to: output)
      }
    }
  }

  @Test func adaptersByModalityKeepTheirRouting() throws {
    try withTemporaryDirectory { directory in
      let source = directory + "/routed"
      let reference = try ReferenceCase("adapters/llava-lora/seed-1")
      for name in ["image", "text"] {
        try FileManager.default.createDirectory(
          atPath: source, withIntermediateDirectories: true)
        try FileManager.default.copyItem(
          atPath: reference.adapterDirectory, toPath: source + "/" + name)
      }
      try AtomicFile.write(
        #"{"adapters": {"image": "image", "text": "text"}}"#, to: source + "/adapter_routing.json")
      try AtomicFile.write("{}", to: source + "/lorikeet.json")
      let selection = AdapterSelection(directory: source)
      let reports = try ModelConversion.writeAdapter(
        model: reference.modelDirectory, selection, to: .peft, .rank(40), output: directory + "/out"
      )
      #expect(reports.map(\.name) == ["image", "text"])
      for file in [
        "adapter_routing.json", "lorikeet.json", "image/adapter_config.json",
        "text/adapter_model.safetensors",
      ] {
        #expect(FileManager.default.fileExists(atPath: directory + "/out/" + file), "\(file)")
      }
      let outputs = try [source, directory + "/out"].map { path in
        try ReferenceForward(
          model: reference.modelDirectory, adapters: AdapterSelection(directory: path)
        ).outputs(for: ReferenceInputs(path: reference.directory + "/inputs.safetensors"))[0].tensor
          .tensor()
      }
      expectClose(outputs[1], outputs[0], tolerance: 1e-4)
      for format in [AdapterFormat.mlx, .gguf] {
        do {
          _ = try ModelConversion.writeAdapter(
            model: reference.modelDirectory, selection, to: format, nil, output: directory + "/no")
          Issue.record("\(format) was written")
        } catch { #expect("\(error)".contains("acts by modality, for which \(format.rawValue)")) }
      }
    }
  }
}
