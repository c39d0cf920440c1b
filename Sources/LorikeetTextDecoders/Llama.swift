// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
public import LorikeetTensors

/// The configuration of a Llama-family decoder, as `config.json` has it.
public struct LlamaConfiguration: Sendable, Equatable, Codable {
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
  public var tiesEmbeddings: Bool
  public var attentionBias: Bool
  public var feedForwardBias: Bool
  public var endTokens: [Int]

  enum CodingKeys: String, CodingKey {
    case hiddenSize = "hidden_size"
    case intermediateSize = "intermediate_size"
    case layers = "num_hidden_layers"
    case heads = "num_attention_heads"
    case keyHeads = "num_key_value_heads"
    case headWidth = "head_dim"
    case vocabulary = "vocab_size"
    case maxPositions = "max_position_embeddings"
    case epsilon = "rms_norm_eps"
    case rotaryParameters = "rope_parameters"
    case rotaryTheta = "rope_theta"
    case rotaryScaling = "rope_scaling"
    case activation = "hidden_act"
    case tiesEmbeddings = "tie_word_embeddings"
    case attentionBias = "attention_bias"
    case feedForwardBias = "mlp_bias"
    case endTokens = "eos_token_id"
    case modelType = "model_type"
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func positive(
      _ key: CodingKeys, default standard: Int? = nil, most: Int = 1 << 24
    ) throws -> Int {
      let value =
        try values.decodeIfPresent(Int.self, forKey: key) ?? standard
        ?? values.decode(Int.self, forKey: key)
      guard value > 0, value <= most else {
        throw DecodingError.dataCorruptedError(
          forKey: key, in: values, debugDescription: "\(value) is out of range")
      }
      return value
    }
    hiddenSize = try positive(.hiddenSize)
    intermediateSize = try positive(.intermediateSize)
    layers = try positive(.layers, most: 4096)
    heads = try positive(.heads)
    keyHeads = try positive(.keyHeads, default: heads)
    headWidth = try positive(.headWidth, default: max(hiddenSize / heads, 1))
    vocabulary = try positive(.vocabulary)
    maxPositions = try positive(.maxPositions, default: 2048)
    epsilon = try values.decodeIfPresent(Float.self, forKey: .epsilon) ?? 1e-6
    if let parameters = try values.decodeIfPresent(
      RotaryConfiguration.self, forKey: .rotaryParameters)
    {
      rotary = parameters
    } else {
      rotary =
        try values.decodeIfPresent(RotaryConfiguration.self, forKey: .rotaryScaling)
        ?? RotaryConfiguration()
      rotary.theta = try values.decodeIfPresent(Double.self, forKey: .rotaryTheta) ?? 10_000
    }
    activation = try values.decodeIfPresent(Activation.self, forKey: .activation) ?? .silu
    tiesEmbeddings = try values.decodeIfPresent(Bool.self, forKey: .tiesEmbeddings) ?? false
    attentionBias = try values.decodeIfPresent(Bool.self, forKey: .attentionBias) ?? false
    feedForwardBias = try values.decodeIfPresent(Bool.self, forKey: .feedForwardBias) ?? false
    if let one = try? values.decodeIfPresent(Int.self, forKey: .endTokens) {
      endTokens = [one]
    } else {
      endTokens = try values.decodeIfPresent([Int].self, forKey: .endTokens) ?? []
    }
    guard heads.isMultiple(of: keyHeads), headWidth.isMultiple(of: 2) else {
      throw DecodingError.dataCorruptedError(
        forKey: .heads, in: values,
        debugDescription: "\(heads) heads over \(keyHeads) key heads of width \(headWidth)")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode("llama", forKey: .modelType)
    try values.encode(hiddenSize, forKey: .hiddenSize)
    try values.encode(intermediateSize, forKey: .intermediateSize)
    try values.encode(layers, forKey: .layers)
    try values.encode(heads, forKey: .heads)
    try values.encode(keyHeads, forKey: .keyHeads)
    try values.encode(headWidth, forKey: .headWidth)
    try values.encode(vocabulary, forKey: .vocabulary)
    try values.encode(maxPositions, forKey: .maxPositions)
    try values.encode(epsilon, forKey: .epsilon)
    try values.encode(rotary, forKey: .rotaryParameters)
    try values.encode(activation, forKey: .activation)
    try values.encode(tiesEmbeddings, forKey: .tiesEmbeddings)
    try values.encode(attentionBias, forKey: .attentionBias)
    try values.encode(feedForwardBias, forKey: .feedForwardBias)
    try values.encode(endTokens, forKey: .endTokens)
  }
}

/// The Llama family: pre-norm blocks of rotary grouped-query attention and a gated feed-forward
/// (Touvron et al., "LLaMA", 2023; SmolLM2, TinyLlama and Llama 3 have the same form).
public final class Llama: TextDecoder {
  private struct Block {
    let attentionNorm: RMSNorm
    let attention: SelfAttention
    let feedForwardNorm: RMSNorm
    let feedForward: GatedFeedForward
  }

  public let configuration: LlamaConfiguration
  public let embeddings: Parameter
  public let head: Parameter
  private let blocks: [Block]
  private let norm: RMSNorm
  private let frequencies: [Double]

  public var width: Int { configuration.hiddenSize }
  public var vocabulary: Int { configuration.vocabulary }
  public var contextLength: Int { configuration.maxPositions }
  public var layerCount: Int { configuration.layers }
  public var endTokens: [Int] { configuration.endTokens }

  /// - Parameters:
  ///   - model: where `embed_tokens`, `layers` and `norm` stand.
  ///   - head: where `lm_head` stands; not read where the embeddings are tied.
  public init(_ c: LlamaConfiguration, model scope: LayerScope, head headScope: LayerScope) {
    configuration = c
    let embeddings = scope.scoped("embed_tokens").parameter(
      "weight", [c.vocabulary, c.hiddenSize], initial: .normal(0.02))
    self.embeddings = embeddings
    let shape = AttentionShape(
      heads: c.heads, keyHeads: c.keyHeads, headWidth: c.headWidth, isCausal: true)
    blocks = (0..<c.layers).map { index in
      let layer = scope.scoped("layers").scoped(String(index))
      let attention = layer.scoped("self_attn")
      let feedForward = layer.scoped("mlp")
      func projection(_ name: String, _ inputs: Int, _ outputs: Int) -> Linear {
        attention.linear(name, inputs: inputs, outputs: outputs, bias: c.attentionBias)
      }
      func dense(_ name: String, _ inputs: Int, _ outputs: Int) -> Linear {
        feedForward.linear(name, inputs: inputs, outputs: outputs, bias: c.feedForwardBias)
      }
      let (queryWidth, keyWidth) = (c.heads * c.headWidth, c.keyHeads * c.headWidth)
      return Block(
        attentionNorm: RMSNorm(
          layer.scoped("input_layernorm"), width: c.hiddenSize, epsilon: c.epsilon),
        attention: SelfAttention(
          query: projection("q_proj", c.hiddenSize, queryWidth),
          key: projection("k_proj", c.hiddenSize, keyWidth),
          value: projection("v_proj", c.hiddenSize, keyWidth),
          output: projection("o_proj", queryWidth, c.hiddenSize), shape: shape),
        feedForwardNorm: RMSNorm(
          layer.scoped("post_attention_layernorm"), width: c.hiddenSize, epsilon: c.epsilon),
        feedForward: GatedFeedForward(
          gate: dense("gate_proj", c.hiddenSize, c.intermediateSize),
          up: dense("up_proj", c.hiddenSize, c.intermediateSize),
          down: dense("down_proj", c.intermediateSize, c.hiddenSize), activation: c.activation))
    }
    norm = RMSNorm(scope.scoped("norm"), width: c.hiddenSize, epsilon: c.epsilon)
    head =
      c.tiesEmbeddings
      ? embeddings
      : headScope.scoped("lm_head").parameter(
        "weight", [c.vocabulary, c.hiddenSize], initial: .normal(0.02))
    frequencies = c.rotary.frequencies(headWidth: c.headWidth)
  }

  public func hiddenStates(_ x: Variable, _ context: ForwardContext) -> Variable {
    let tape = context.tape
    let rotary = RotaryTable(positions: context.positions, frequencies: frequencies)
    var x = x  // [rows, width] throughout
    for (index, block) in blocks.enumerated() {
      var record = AttentionRecord()
      let mixed = block.attention(
        block.attentionNorm(x, context), context, layer: index, rotary: rotary, record: &record)
      x = tape.add(x, mixed)
      x = tape.add(x, block.feedForward(block.feedForwardNorm(x, context), context))
    }
    return norm(x, context)
  }

  public func makeCache(slots: Int, capacity: Int) -> KeyValueCache {
    KeyValueCache(
      layers: configuration.layers, width: configuration.keyHeads * configuration.headWidth,
      slots: slots, capacity: capacity)
  }
}
