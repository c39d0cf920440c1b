// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers

extension ModelFamily<TextDecoderConfiguration> {
  /// Qwen2 and Qwen2.5 (Yang et al., "Qwen2 technical report", 2024): Llama with biases on queries,
  /// keys and values; in some checkpoints later layers have a sliding window.
  public static var qwen2: Self {
    ModelFamily(
      "qwen2",
      defaults: [
        "hidden_size": 4096, "intermediate_size": 22016, "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "vocab_size": 151936, "max_position_embeddings": 32768,
      ]
    ) { values in
      var c = try TextDecoderConfiguration(values)
      c.queryKeyValueBias = true
      try c.setQwenWindows(values)
      return c
    }
  }
}

extension TextDecoderConfiguration {
  /// A window from layer `max_window_layers` on, if `use_sliding_window` says so.
  mutating func setQwenWindows(_ values: ConfigurationValues) throws {
    let isUsed = try values.value("use_sliding_window", default: false)
    let first = try values.value("max_window_layers", default: 28)
    try setWindows(
      values, window: isUsed ? values.wholeOrNone("sliding_window", default: 4096) : nil
    ) { $0 >= first }
  }
}
