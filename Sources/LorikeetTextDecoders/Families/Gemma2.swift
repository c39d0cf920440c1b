// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers
internal import LorikeetTensors

extension ModelFamily<TextDecoderConfiguration> {
  /// Gemma 2 (Gemma team, "Gemma 2: improving open language models at a practical size", 2024): soft
  /// caps on scores and logits, norms on both sides of every part, a sliding window in every other
  /// layer.
  public static var gemma2: Self {
    ModelFamily(
      "gemma2",
      defaults: [
        "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
        "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
        "vocab_size": 256000, "max_position_embeddings": 8192,
      ]
    ) { values in
      var c = try TextDecoderConfiguration(gemma: values, activationKey: "hidden_activation")
      c.normsOutputs = true
      let scalar = try values.whole("query_pre_attn_scalar", default: 256)
      c.attentionScale = Float(1 / Double(scalar).squareRoot())
      c.attentionSoftCap = try values.numberOrNone("attn_logit_softcapping", default: 50).map {
        Float($0)
      }
      c.logitSoftCap = try values.numberOrNone("final_logit_softcapping", default: 30).map {
        Float($0)
      }
      try c.setWindows(
        values, window: values.wholeOrNone("sliding_window", default: 4096)
      ) { $0.isMultiple(of: 2) }
      return c
    }
  }
}
