// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import LorikeetVisionLanguage
import Testing

struct GGUFExportTests {
  /// Names within a layer, as llama.cpp's converter maps them.
  private static let names = [
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
  ]

  /// The name in GGUF of a tensor of a LLaVA file; nil for one of another part than the decoder.
  private func name(_ stored: String) throws -> String? {
    guard stored.hasPrefix("language_model.") else { return nil }
    let whole = [
      "language_model.lm_head.weight": "output.weight",
      "language_model.model.embed_tokens.weight": "token_embd.weight",
      "language_model.model.norm.weight": "output_norm.weight",
    ]
    if let name = whole[stored] { return name }
    let parts = stored.split(separator: ".").dropFirst(3).dropLast().map(String.init)
    let inner = try #require(Self.names[parts.dropFirst().joined(separator: ".")])
    return "blk.\(parts[0]).\(inner).weight"
  }

  /// `weights.reshape(heads, 2, rows / heads / 2, columns).swapaxes(1, 2)`, as llama.cpp's converter
  /// has it.
  private func swapped(_ values: [Float], _ shape: Shape, heads: Int) -> [Float] {
    let (columns, half) = (shape[1], shape[0] / heads / 2)
    var result: [Float] = []
    for head in 0..<heads {
      for i in 0..<half {
        for j in 0..<2 {
          let row = (head * 2 + j) * half + i
          result += values[row * columns..<(row + 1) * columns]
        }
      }
    }
    return result
  }

  @Test(arguments: [
    (BaseType.float32, Float(0), "F32"), (.float16, 1e-3, "F16"), (.eightBits, 5e-3, "Q8_0"),
  ])
  func theDecoderOfAMergedModelIsWritten(type: BaseType, tolerance: Float, stored: String) throws {
    try withTemporaryDirectory { directory in
      let source = directory + "/model"
      try TinyModel.write(to: source, case: "adapters/llava-lora/seed-1")
      let pipeline = try Pipeline(
        model: source, adapter: Fixtures.path("adapters/llava-lora/seed-1/adapter"))
      let (_, largest) = try pipeline.merge()
      #expect(largest > 0)
      try ModelWriter.write(pipeline.model.index, from: source, to: directory + "/merged")
      let path = directory + "/merged.gguf"
      #expect(
        try ModelConversion.writeGGUF(of: pipeline.model, from: source, type: type, to: path))
      let (base, merged) = (
        try Checkpoint(directory: source), try Checkpoint(directory: directory + "/merged")
      )
      let file = try GGUFFile(path: path)
      #expect(try file.string("general.architecture") == "llama")
      #expect(try file.integer("llama.attention.head_count_kv") == 2)
      let vocabulary = merged["language_model.model.embed_tokens.weight"]?.shape[0]
      #expect(try file.strings("tokenizer.ggml.tokens")?.count == vocabulary)
      var expected: Set<String> = []
      var types: Set<String> = []
      for original in merged.names {
        guard let name = try name(original) else { continue }
        expected.insert(name)
        let tensor = try #require(merged[original])
        let found = try #require(file[name], "\(name)")
        #expect(found.shape == tensor.shape)
        types.insert(found.dtype.rawValue)
        var values = tensor.tensor().values
        let isAdapted = original.contains("_proj")
        #expect((values != base[original]?.tensor().values) == isAdapted, "\(original)")
        if name.contains("attn_q") { values = swapped(values, tensor.shape, heads: 4) }
        if name.contains("attn_k") { values = swapped(values, tensor.shape, heads: 2) }
        let scale = values.reduce(Float(0)) { max($0, abs($1)) }
        let difference = zip(found.tensor().values, values).reduce(Float(0)) {
          max($0, abs($1.0 - $1.1))
        }
        #expect(difference <= tolerance * scale, "\(name): \(difference)")
      }
      #expect(file.names == expected.sorted())
      #expect(types.contains("F32") && types.contains(stored))
    }
  }

  @Test func otherFamiliesAreRefused() throws {
    try withTemporaryDirectory { directory in
      for name in ["models/qwen2/seed-1/model", "models/dinov2/seed-1/model"] {
        let path = directory + "/x.gguf"
        let error = #expect(throws: (any Error).self) {
          try ModelConversion.writeGGUF(model: Fixtures.path(name), type: .float16, to: path)
        }
        let message = "\(try #require(error))"
        #expect(message.contains("not a text decoder of the Llama family"), "\(message)")
        #expect(!FileManager.default.fileExists(atPath: path))
      }
    }
  }
}
