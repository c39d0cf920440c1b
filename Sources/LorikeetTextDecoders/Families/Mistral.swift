// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers

extension ModelFamily<TextDecoderConfiguration> {
  /// Mistral (Jiang et al., "Mistral 7B", 2023): Llama with a sliding window in every layer.
  public static var mistral: Self {
    ModelFamily(
      "mistral",
      defaults: [
        "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8,
        "vocab_size": 32000, "max_position_embeddings": 131072,
      ]
    ) { values in
      var c = try TextDecoderConfiguration(values)
      let window = try values.wholeOrNone("sliding_window", default: 4096)
      c.windows = Array(repeating: window, count: c.layers)
      return c
    }
  }
}
