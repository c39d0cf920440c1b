// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetRegistry
import LorikeetTensors
import LorikeetTestSupport
import Testing

struct ModelImporterTests {
  /// Expects two files to hold the same tensors.
  private func expectEqual(_ path: String, _ reference: String, tolerance: Float = 0) throws {
    let ours = try SafetensorsFile(path: path)
    let theirs = try SafetensorsFile(path: Fixtures.path("checkpoints/" + reference))
    #expect(ours.names == theirs.names)
    for name in theirs.names {
      let (a, b) = (try #require(ours[name]), try #require(theirs[name]))
      #expect(a.shape == b.shape, "\(name)")
      let difference = zip(a.tensor().values, b.tensor().values).map { abs($0 - $1) }.max()
      #expect(try #require(difference) <= tolerance, "\(name)")
    }
  }

  @Test func convertsDINOv2() throws {
    let scratch = try RegistryScratch()
    try DINOv2Importer.run(
      source: Fixtures.path("checkpoints/tiny-dinov2.onnx"), destination: scratch.path + "/out")
    #expect(
      scratch.list(scratch.path + "/out")
        == ["config.json", "model.safetensors", "preprocessor_config.json"])
    try expectEqual(scratch.path + "/out/model.safetensors", "tiny-dinov2.safetensors")
    let config = try JSONFile.value(from: scratch.path + "/out/config.json")
    for (key, value) in [
      ("hidden_size", 16), ("num_hidden_layers", 2), ("num_attention_heads", 1), ("mlp_ratio", 2),
      ("image_size", 28), ("patch_size", 14), ("layer_norm_eps", 1e-06), ("model_type", "dinov2"),
    ] as [(String, JSONValue)] {
      #expect(config[key] == value, "\(key)")
    }
  }

  @Test func convertsLlamaAsTransformersReadsIt() throws {
    let scratch = try RegistryScratch()
    try LlamaImporter.run(
      source: Fixtures.path("checkpoints/tiny-llama.gguf"), destination: scratch.path + "/out")
    #expect(
      scratch.list(scratch.path + "/out") == [
        "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors",
        "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json",
      ])
    try expectEqual(
      scratch.path + "/out/model.safetensors", "tiny-llama.safetensors", tolerance: 1e-6)
    let config = try JSONFile.value(from: scratch.path + "/out/config.json")
    for (key, value) in [
      ("hidden_size", 32), ("num_hidden_layers", 2), ("num_attention_heads", 2), ("head_dim", 16),
      ("num_key_value_heads", 1), ("intermediate_size", 64), ("rms_norm_eps", 1e-05),
      ("rope_theta", 100_000.0), ("tie_word_embeddings", true), ("vocab_size", 262),
      ("max_position_embeddings", 64), ("bos_token_id", 1), ("eos_token_id", 2),
    ] as [(String, JSONValue)] {
      #expect(config[key] == value, "\(key)")
    }
    let tokenizer = try JSONFile.value(from: scratch.path + "/out/tokenizer.json")
    #expect(tokenizer["model"]?["vocab"]?["\u{120}the"] == 261)
    #expect(tokenizer["model"]?["merges"] == ["\u{120} t", "h e", "\u{120}t he"])
    let special = try JSONFile.value(
      from: scratch.path + "/out/special_tokens_map.json")
    #expect(
      special == [
        "bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>",
        "pad_token": "<|im_end|>",
      ])
    #expect(
      String(decoding: try contents(scratch.path + "/out/chat_template.jinja"), as: UTF8.self)
        == "{% for m in messages %}{{ m['content'] }}{% endfor %}")
  }

  @Test func namesWhatIsNotSuchAModel() throws {
    let scratch = try RegistryScratch()
    let types = Fixtures.path("checkpoints/types.gguf")
    let error = #expect(throws: RegistryError.self) {
      try LlamaImporter.run(source: types, destination: scratch.path + "/out")
    }
    #expect(error?.description == "\(types): key llama.block_count is missing")
    let text = try scratch.file("x.onnx", "text".utf8)
    let other = #expect(throws: RegistryError.self) {
      try DINOv2Importer.run(source: text, destination: scratch.path + "/out")
    }
    #expect(other?.description == "\(text): is not an ONNX model")
    #expect(scratch.list(scratch.path) == ["x.onnx"])
  }
}
