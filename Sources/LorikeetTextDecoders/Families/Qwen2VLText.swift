// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers

extension ModelFamily<TextDecoderConfiguration> {
  /// The decoder of Qwen2-VL (Wang et al., 2024) and Qwen2.5-VL: Qwen2, with rotary positions on three axes.
  public static var qwen2VLText: Self {
    ModelFamily(
      "qwen2_vl_text", "qwen2_5_vl_text",
      defaults: [
        "hidden_size": 8192, "intermediate_size": 29568, "num_hidden_layers": 80,
        "num_attention_heads": 64, "num_key_value_heads": 8,
        "vocab_size": 152064, "max_position_embeddings": 32768,
      ]
    ) { values in
      var c = try TextDecoderConfiguration(values, epsilon: 1e-5)
      c.queryKeyValueBias = true
      try c.setQwenWindows(values)
      if c.rotary.sections.isEmpty {
        let standard = [16, 24, 24]
        guard standard.reduce(0, +) * 2 == c.headWidth else {
          throw values.refusal(
            "mrope_section", "is missing, and heads of \(c.headWidth) channels need it")
        }
        c.rotary.sections = standard
      }
      return c
    }
  }
}
