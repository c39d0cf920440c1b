// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers

extension ModelFamily<TextDecoderConfiguration> {
  /// Phi-3 (Abdin et al., "Phi-3 technical report", 2024): Llama with fused projections and, for long
  /// contexts, LongRoPE.
  ///
  /// A text that grows past the first context while it is written keeps the keys of the short
  /// frequencies; transformers computes them again.
  public static var phi3: Self {
    ModelFamily(
      "phi3",
      defaults: [
        "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "vocab_size": 32064, "max_position_embeddings": 4096,
        "original_max_position_embeddings": 4096,
      ]
    ) { values in
      var c = try TextDecoderConfiguration(
        values, epsilon: 1e-5, rotaryNames: ["su": "longrope", "yarn": "longrope"])
      c.fusesProjections = true
      let window = try values.wholeOrNone("sliding_window", default: nil)
      c.windows = Array(repeating: window, count: c.layers)
      if c.endTokens.isEmpty, !values.contains("eos_token_id") { c.endTokens = [32000] }
      return c
    }
  }
}
