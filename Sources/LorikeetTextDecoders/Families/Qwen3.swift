// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers

extension ModelFamily<TextDecoderConfiguration> {
  /// Qwen3 (Yang et al., "Qwen3 technical report", 2025): norms over each query's and key's head.
  public static var qwen3: Self {
    ModelFamily(
      "qwen3",
      defaults: [
        "hidden_size": 4096, "intermediate_size": 22016, "num_hidden_layers": 32,
        "num_attention_heads": 32, "head_dim": 128,
        "vocab_size": 151936, "max_position_embeddings": 32768,
      ]
    ) { values in
      var c = try TextDecoderConfiguration(values)
      c.queryKeyValueBias = try values.value("attention_bias", default: false)
      c.outputBias = c.queryKeyValueBias
      c.normsHeads = true
      try c.setQwenWindows(values)
      return c
    }
  }
}
