// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAutograd
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTextDecoders
import Testing

@Suite struct TextDecoderConfigurationTests {
  private func decode(_ more: String = "", replacing: (String, String)? = nil) throws
    -> TextDecoderConfiguration
  {
    var text = """
      {"model_type": "llama", "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2,
      "num_attention_heads": 4, "vocab_size": 11\(more)}
      """
    if let replacing { text = text.replacingOccurrences(of: replacing.0, with: replacing.1) }
    return try JSONDecoder().decode(TextDecoderConfiguration.self, from: Data(text.utf8))
  }

  @Test func defaultsAreThoseOfTransformers() throws {
    let c = try decode()
    #expect((c.keyHeads, c.headWidth) == (4, 4))
    #expect(c.rotary == RotaryConfiguration(theta: 10_000))
    #expect(c.activation == .silu)
    #expect(!c.tiesEmbeddings && !c.queryKeyValueBias && !c.outputBias && !c.feedForwardBias)
    #expect(c.epsilon == 1e-6)
  }

  @Test func rotaryBaseIsReadFromEitherPlace() throws {
    #expect(try decode(#", "rope_theta": 500000.0"#).rotary.theta == 500_000)
    #expect(
      try decode(#", "rope_theta": 7, "rope_parameters": {"rope_theta": 9, "type": "default"}"#)
        .rotary.theta == 9)
    let scaled = try decode(#", "rope_theta": 7, "rope_scaling": {"type": "linear", "factor": 2}"#)
    #expect(scaled.rotary.theta == 7)
    #expect(scaled.rotary.scaling == .linear(2))
    #expect(try decode(#", "rope_scaling": null, "rope_theta": 7"#).rotary.theta == 7)
  }

  @Test func endTokensAreOneOrSeveral() throws {
    #expect(try decode(#", "eos_token_id": 2"#).endTokens == [2])
    #expect(try decode(#", "eos_token_id": [2, 3]"#).endTokens == [2, 3])
    #expect(try decode(#", "eos_token_id": null"#).endTokens.isEmpty)
  }

  /// Each kind of scaling in the old keys and in the new ones.
  @Test(arguments: [
    #""linear", "factor": 2.0"#, #""dynamic", "factor": 2.0"#,
    #"""
    "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32
    """#,
    #""yarn", "factor": 4.0, "original_max_position_embeddings": 32"#,
    #""longrope", "short_factor": [1.5, 2], "long_factor": [3, 4], "factor": 4"#,
  ])
  func rotaryScalingIsReadFromEitherPlace(scaling: String) throws {
    let old = try decode(#", "rope_theta": 7e4, "rope_scaling": {"type": \#(scaling)}"#)
    let new = try decode(
      #", "rope_parameters": {"rope_theta": 70000, "rope_type": \#(scaling)}"#)
    #expect(old == new)
    #expect(old.rotary.scaling != .none)
    #expect(old.rotary.theta == 70_000)
  }

  @Test func familiesDifferInWhatTheyRead() throws {
    func read(_ type: String, _ more: String = "") throws -> TextDecoderConfiguration {
      try decode(
        #", "num_key_value_heads": 4"# + more, replacing: (#""llama""#, "\"\(type)\""))
    }
    #expect(try read("mistral").windows == [4096, 4096])
    #expect(try read("mistral", #", "sliding_window": null"#).windows == [nil, nil])
    let qwen2 = try read("qwen2", #", "sliding_window": 3, "max_window_layers": 1"#)
    #expect(qwen2.windows == [nil, nil] && qwen2.queryKeyValueBias && !qwen2.outputBias)
    #expect(
      try read(
        "qwen2", #", "use_sliding_window": true, "sliding_window": 3, "max_window_layers": 1"#
      ).windows == [nil, 3])
    #expect(
      try read("qwen3", #", "layer_types": ["sliding_attention", "full_attention"]"#).normsHeads)
    let gemma = try read("gemma", #", "hidden_act": "gelu""#)
    #expect(gemma.activation == .geluTanh && gemma.tiesEmbeddings && gemma.embeddingScale == 4)
    #expect(gemma.headWidth == 256)
    let gemma2 = try read("gemma2", #", "attn_logit_softcapping": null"#)
    #expect(gemma2.attentionSoftCap == nil && gemma2.logitSoftCap == 30)
    #expect(gemma2.windows == [4096, nil])
    #expect(try read("phi3").endTokens == [32000])
  }

  @Test func anUnknownFamilyIsNamedWithThoseThatAreKnown() {
    let error = #expect(throws: DecodingError.self) {
      try decode(replacing: (#""llama""#, #""mamba""#))
    }
    let text = "\(error as Any)"
    #expect(text.contains("mamba is not supported"))
    #expect(text.contains("llama, mistral, qwen2, qwen3, gemma, gemma2, phi3"))
  }

  @Test(arguments: [
    (#""hidden_size": 16"#, #""hidden_size": 0"#), (#""hidden_size": 16"#, #""hidden_size": -16"#),
    (#""num_attention_heads": 4"#, #""num_attention_heads": 0"#),
    (#""vocab_size": 11"#, #""vocab_size": 9223372036854775807"#),
    (#""vocab_size": 11"#, #""vocab_size": "many""#),
    (#""model_type": "llama", "#, ""),
    (#""vocab_size": 11"#, #""vocab_size": 11, "rope_scaling": {"type": "su", "factor": 2}"#),
    (#""vocab_size": 11"#, #""vocab_size": 11, "rope_parameters": {"rope_theta": 0}"#),
    (
      #""vocab_size": 11"#,
      #""vocab_size": 11, "rope_parameters": {"full_attention": {"rope_theta": 1e4}}"#
    ),
    (#""llama""#, #""qwen3", "layer_types": ["full_attention"]"#),
    (#""llama""#, #""qwen3", "layer_types": ["full_attention", "linear_attention"]"#),
    (#""llama""#, #""mistral", "num_key_value_heads": 4, "sliding_window": 0"#),
    (#""llama""#, #""gemma2", "final_logit_softcapping": -1.0"#),
    (#""vocab_size": 11"#, #""vocab_size": 11, "num_key_value_heads": 3"#),
    (#""vocab_size": 11"#, #""vocab_size": 11, "head_dim": 5"#),
    (#""vocab_size": 11"#, #""vocab_size": 11, "hidden_act": "mish""#),
    (
      #""vocab_size": 11"#,
      #""vocab_size": 11, "rope_scaling": {"type": "longrope", "short_factor": [1], "factor": 2}"#
    ),
    (#""vocab_size": 11"#, #""vocab_size": 11, "rope_scaling": {"type": "linear"}"#),
  ])
  func impossibleValuesAreRefused(from: String, to: String) {
    #expect(throws: DecodingError.self) { try decode(replacing: (from, to)) }
  }

  /// Built tiny from inline JSON with new weights: finite, and the same for the same seed.
  @Test func newWeightsDependOnTheSeed() throws {
    func logits(_ seed: UInt64) throws -> [Float] {
      let index = ModuleIndex()
      let scope = LayerScope(.random(seed: seed), index: index)
      let model = TransformerDecoder(try decode(), model: scope.scoped("model"), head: scope)
      #expect(index.linears.count == 14)
      #expect(index.linears.first?.name == "model.layers.0.self_attn.q_proj")
      let context = ForwardContext(tape: .inference, lengths: [4], modality: .text)
      let x = model.embed([1, 2, 3, 10], context.tape)
      return model.logits(model.hiddenStates(x, context), context.tape).value.values
    }
    let first = try logits(1)
    #expect(first.count == 44)
    #expect(first.allSatisfy { $0.isFinite })
    #expect(try first == logits(1))
    #expect(try first != logits(2))
  }
}
