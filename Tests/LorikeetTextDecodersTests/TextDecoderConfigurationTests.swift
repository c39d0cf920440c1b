// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAutograd
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTextDecoders
import Testing

@Suite struct LlamaConfigurationTests {
  private func decode(_ more: String = "", replacing: (String, String)? = nil) throws
    -> LlamaConfiguration
  {
    var text = """
      {"model_type": "llama", "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2,
      "num_attention_heads": 4, "vocab_size": 11\(more)}
      """
    if let replacing { text = text.replacingOccurrences(of: replacing.0, with: replacing.1) }
    return try JSONDecoder().decode(LlamaConfiguration.self, from: Data(text.utf8))
  }

  @Test func defaultsAreThoseOfTransformers() throws {
    let c = try decode()
    #expect((c.keyHeads, c.headWidth) == (4, 4))
    #expect(c.rotary == RotaryConfiguration(theta: 10_000))
    #expect(c.activation == .silu)
    #expect(!c.tiesEmbeddings && !c.attentionBias && !c.feedForwardBias)
    #expect(c.epsilon == 1e-6)
  }

  @Test func rotaryBaseIsReadFromEitherPlace() throws {
    #expect(try decode(#", "rope_theta": 500000.0"#).rotary.theta == 500_000)
    #expect(
      try decode(#", "rope_theta": 7, "rope_parameters": {"rope_theta": 9, "type": "default"}"#)
        .rotary.theta == 9)
    let scaled = try decode(#", "rope_theta": 7, "rope_scaling": {"type": "linear", "factor": 2}"#)
    #expect(scaled.rotary.theta == 7)
    #expect(scaled.rotary.kind == .linear)
    #expect(scaled.rotary.factor == 2)
    #expect(try decode(#", "rope_scaling": null, "rope_theta": 7"#).rotary.theta == 7)
  }

  @Test func endTokensAreOneOrSeveral() throws {
    #expect(try decode(#", "eos_token_id": 2"#).endTokens == [2])
    #expect(try decode(#", "eos_token_id": [2, 3]"#).endTokens == [2, 3])
    #expect(try decode(#", "eos_token_id": null"#).endTokens.isEmpty)
  }

  @Test func whatIsWrittenIsReadBack() throws {
    let c = try decode(
      #", "eos_token_id": 2, "rope_theta": 5e5, "num_key_value_heads": 2, "head_dim": 6"#)
    let copy = try JSONDecoder().decode(
      LlamaConfiguration.self, from: JSONEncoder().encode(c))
    #expect(copy == c)
  }

  @Test(arguments: [
    (#""hidden_size": 16"#, #""hidden_size": 0"#), (#""hidden_size": 16"#, #""hidden_size": -16"#),
    (#""num_attention_heads": 4"#, #""num_attention_heads": 0"#),
    (#""vocab_size": 11"#, #""vocab_size": 9223372036854775807"#),
    (#""vocab_size": 11"#, #""vocab_size": "many""#),
    (#""hidden_size": 16, "#, ""),
    (#""vocab_size": 11"#, #""vocab_size": 11, "num_key_value_heads": 3"#),
    (#""vocab_size": 11"#, #""vocab_size": 11, "head_dim": 5"#),
    (#""vocab_size": 11"#, #""vocab_size": 11, "hidden_act": "mish""#),
    (#""vocab_size": 11"#, #""vocab_size": 11, "rope_scaling": {"type": "yarn", "factor": 2}"#),
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
      let model = Llama(try decode(), model: scope.scoped("model"), head: scope)
      #expect(index.linears.count == 14)
      #expect(index.linears.first?.name == "model.layers.0.self_attn.q_proj")
      let context = ForwardContext(tape: .inference, lengths: [4], modality: .text)
      let x = context.tape.embed(model.embeddings, [1, 2, 3, 10])
      return model.logits(model.hiddenStates(x, context), context).value.values
    }
    let first = try logits(1)
    #expect(first.count == 44)
    #expect(first.allSatisfy { $0.isFinite })
    #expect(try first == logits(1))
    #expect(try first != logits(2))
  }
}
