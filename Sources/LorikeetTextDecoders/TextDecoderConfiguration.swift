// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers
public import LorikeetTensors

/// The form of a text decoder, as `config.json` of any family gives it.
public struct TextDecoderConfiguration: Sendable, Equatable {
  public var hiddenSize: Int
  public var intermediateSize: Int
  public var layers: Int
  public var heads: Int
  public var keyHeads: Int
  public var headWidth: Int
  public var vocabulary: Int
  public var maxPositions: Int
  public var epsilon: Float
  public var rotary: RotaryConfiguration
  public var activation: Activation
  /// Whether the output embeddings are the input ones.
  public var tiesEmbeddings: Bool
  public var endTokens: [Int]

  // MARK: What tells the families apart

  /// Biases on queries, keys and values.
  public var queryKeyValueBias = false
  /// Biases on the output of attention.
  public var outputBias = false
  public var feedForwardBias = false
  /// One layer for queries, keys and values, and one for gate and up.
  public var fusesProjections = false
  /// Norms over the channels of each query's and key's head.
  public var normsHeads = false
  /// Norms after attention and after the feed-forward, beside those before.
  public var normsOutputs = false
  /// What is added to the weights of norms.
  public var normOffset: Float = 0
  /// For each layer the number of keys that a query sees at the most; nil for all.
  public var windows: [Int?]
  /// What dot products are multiplied by; nil for 1 / sqrt(headWidth).
  public var attentionScale: Float?
  /// Scores s become c tanh(s / c).
  public var attentionSoftCap: Float?
  /// Logits z become c tanh(z / c).
  public var logitSoftCap: Float?
  /// What the embeddings of tokens are multiplied by.
  public var embeddingScale: Float = 1
  /// Whether no token sees those after it. False where a model around the decoder decides.
  public var isCausal = true

  /// Reads the keys that all families have.
  ///
  /// - Parameters:
  ///   - epsilon, tiesEmbeddings, activation: the family's defaults.
  ///   - activationKey: the key of the activation.
  ///   - rotaryNames: kinds of rotary scaling that go by another name in this family.
  /// - Throws: `DecodingError` naming the key.
  public init(
    _ values: ConfigurationValues, epsilon: Float = 1e-6, tiesEmbeddings: Bool = false,
    activation: Activation = .silu, activationKey: String = "hidden_act",
    rotaryNames: [String: String] = [:]
  ) throws {
    hiddenSize = try values.whole("hidden_size")
    intermediateSize = try values.whole("intermediate_size")
    layers = try values.whole("num_hidden_layers", most: 4096)
    heads = try values.whole("num_attention_heads")
    keyHeads = try values.whole("num_key_value_heads", default: heads)
    headWidth = try values.whole("head_dim", default: max(hiddenSize / heads, 1))
    vocabulary = try values.whole("vocab_size")
    maxPositions = try values.whole("max_position_embeddings")
    self.epsilon = try values.value("rms_norm_eps", default: epsilon)
    self.activation = try values.value(activationKey, default: activation)
    self.tiesEmbeddings = try values.value("tie_word_embeddings", default: tiesEmbeddings)
    endTokens = try values.oneOrSeveral("eos_token_id")
    guard heads.isMultiple(of: keyHeads), headWidth.isMultiple(of: 2) else {
      throw values.refusal(
        "num_attention_heads", "\(heads) heads over \(keyHeads) key heads of width \(headWidth)")
    }
    rotary = try RotaryConfiguration(
      values, maxPositions: maxPositions, headWidth: headWidth, renamed: rotaryNames)
    windows = Array(repeating: nil, count: layers)
  }

  /// - Throws: `DecodingError` if the decoder is not to be used as a causal one.
  public func requireCausal(_ values: ConfigurationValues) throws {
    guard isCausal else {
      throw values.refusal(
        "use_bidirectional_attention", "true is not supported here, decoders are causal")
    }
  }

  /// Reads `layer_types`, which says which layers have a window.
  ///
  /// - Parameter isSliding: whether a layer has one where the key is absent.
  public mutating func setWindows(
    _ values: ConfigurationValues, window: Int?, isSliding: (Int) -> Bool
  ) throws {
    let kinds: [String]? = try values.optional("layer_types")
    guard kinds == nil || kinds?.count == layers else {
      throw values.refusal("layer_types", "\(kinds?.count ?? 0) kinds for \(layers) layers")
    }
    windows = try (0..<layers).map { layer in
      switch kinds?[layer] {
      case nil: isSliding(layer) ? window : nil
      case "sliding_attention": window
      case "full_attention": nil
      case let other?:
        throw values.refusal(
          "layer_types", "\(other) is not supported, expected full_attention or sliding_attention")
      }
    }
  }
}

extension TextDecoderConfiguration: Decodable {
  /// Every family of decoders; a new one is a file and a name here.
  public static let families = ModelFamilies<Self>([
    .llama, .mistral, .qwen2, .qwen3, .gemma, .gemma2, .phi3, .qwen2VLText,
  ])

  /// Reads the configuration of whichever family `model_type` names.
  public init(from decoder: any Decoder) throws {
    self = try Self.families.configuration(ConfigurationValues(decoder))
  }
}
