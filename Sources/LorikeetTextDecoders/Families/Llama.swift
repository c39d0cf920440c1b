// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers

extension ModelFamily<TextDecoderConfiguration> {
  /// Llama (Touvron et al., "LLaMA", 2023); SmolLM2, TinyLlama and Llama 3 have the same form.
  public static var llama: Self {
    ModelFamily(
      "llama",
      defaults: [
        "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "vocab_size": 32000, "max_position_embeddings": 2048,
      ]
    ) { values in
      var c = try TextDecoderConfiguration(values)
      c.queryKeyValueBias = try values.value("attention_bias", default: false)
      c.outputBias = c.queryKeyValueBias
      c.feedForwardBias = try values.value("mlp_bias", default: false)
      return c
    }
  }
}
