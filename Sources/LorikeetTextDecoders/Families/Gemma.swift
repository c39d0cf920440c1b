// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers
internal import LorikeetTensors

extension ModelFamily<TextDecoderConfiguration> {
  /// Gemma (Gemma team, "Gemma: open models based on Gemini research and technology", 2024): norms
  /// whose weights are added to 1, embeddings times sqrt(width), gelu gates.
  public static var gemma: Self {
    ModelFamily(
      "gemma",
      defaults: [
        "hidden_size": 3072, "intermediate_size": 24576, "num_hidden_layers": 28,
        "num_attention_heads": 16, "num_key_value_heads": 16, "head_dim": 256,
        "vocab_size": 256000, "max_position_embeddings": 8192,
      ]
    ) { values in
      try TextDecoderConfiguration(gemma: values, activationKey: "hidden_act")
    }
  }
}

extension TextDecoderConfiguration {
  /// What Gemma's generations have in common.
  init(gemma values: ConfigurationValues, activationKey: String) throws {
    try self.init(
      values, tiesEmbeddings: true, activation: .geluTanh, activationKey: activationKey)
    // The first files say gelu and mean its approximation.
    if activation == .gelu { activation = .geluTanh }
    queryKeyValueBias = try values.value("attention_bias", default: false)
    outputBias = queryKeyValueBias
    normOffset = 1
    embeddingScale = Float(Double(hiddenSize).squareRoot())
    isCausal = try !values.value("use_bidirectional_attention", default: false)
  }
}
