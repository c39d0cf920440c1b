// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
public import LorikeetTensors

/// The configuration of a DINOv2 encoder, as `config.json` has it.
public struct DINOv2Configuration: Sendable, Equatable, Codable {
  public var hiddenSize: Int
  public var layers: Int
  public var heads: Int
  public var feedForwardRatio: Double
  public var imageSize: Int
  public var patchSize: Int
  public var epsilon: Float
  public var activation: Activation
  public var queryKeyValueBias: Bool
  public var usesMaskToken: Bool

  enum CodingKeys: String, CodingKey {
    case hiddenSize = "hidden_size"
    case layers = "num_hidden_layers"
    case heads = "num_attention_heads"
    case feedForwardRatio = "mlp_ratio"
    case imageSize = "image_size"
    case patchSize = "patch_size"
    case epsilon = "layer_norm_eps"
    case activation = "hidden_act"
    case queryKeyValueBias = "qkv_bias"
    case usesMaskToken = "use_mask_token"
    case usesGatedFeedForward = "use_swiglu_ffn"
    case modelType = "model_type"
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func positive(_ key: CodingKeys, default standard: Int, most: Int = 1 << 20) throws -> Int {
      let value = try values.decodeIfPresent(Int.self, forKey: key) ?? standard
      guard value > 0, value <= most else {
        throw DecodingError.dataCorruptedError(
          forKey: key, in: values, debugDescription: "\(value) is out of range")
      }
      return value
    }
    hiddenSize = try positive(.hiddenSize, default: 768)
    layers = try positive(.layers, default: 12, most: 4096)
    heads = try positive(.heads, default: 12)
    feedForwardRatio = try values.decodeIfPresent(Double.self, forKey: .feedForwardRatio) ?? 4
    imageSize = try positive(.imageSize, default: 224)
    patchSize = try positive(.patchSize, default: 14)
    epsilon = try values.decodeIfPresent(Float.self, forKey: .epsilon) ?? 1e-6
    activation = try values.decodeIfPresent(Activation.self, forKey: .activation) ?? .gelu
    queryKeyValueBias = try values.decodeIfPresent(Bool.self, forKey: .queryKeyValueBias) ?? true
    usesMaskToken = try values.decodeIfPresent(Bool.self, forKey: .usesMaskToken) ?? true
    if try values.decodeIfPresent(Bool.self, forKey: .usesGatedFeedForward) ?? false {
      throw DecodingError.dataCorruptedError(
        forKey: .usesGatedFeedForward, in: values,
        debugDescription: "the gated feed-forward of dinov2-giant is not supported")
    }
    guard hiddenSize.isMultiple(of: heads), feedForwardRatio > 0, feedForwardRatio < 1024,
      imageSize >= patchSize
    else {
      throw DecodingError.dataCorruptedError(
        forKey: .hiddenSize, in: values,
        debugDescription: "\(heads) heads, ratio \(feedForwardRatio), patches of \(patchSize)")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode("dinov2", forKey: .modelType)
    try values.encode(hiddenSize, forKey: .hiddenSize)
    try values.encode(layers, forKey: .layers)
    try values.encode(heads, forKey: .heads)
    try values.encode(feedForwardRatio, forKey: .feedForwardRatio)
    try values.encode(imageSize, forKey: .imageSize)
    try values.encode(patchSize, forKey: .patchSize)
    try values.encode(epsilon, forKey: .epsilon)
    try values.encode(activation, forKey: .activation)
    try values.encode(queryKeyValueBias, forKey: .queryKeyValueBias)
    try values.encode(usesMaskToken, forKey: .usesMaskToken)
    try values.encode(false, forKey: .usesGatedFeedForward)
  }
}

/// DINOv2: a vision transformer with layer scale (Oquab et al., "DINOv2", 2023).
public final class DINOv2: VisionEncoder {
  private struct Block {
    let norm1: LayerNorm
    let attention: SelfAttention
    let scale1: Parameter
    let norm2: LayerNorm
    let feedForward: FeedForward
    let scale2: Parameter
  }

  public let configuration: DINOv2Configuration
  private let classToken: Parameter
  private let positions: Parameter
  private let patchEmbedding: PatchEmbedding
  private let blocks: [Block]
  private let norm: LayerNorm

  public var width: Int { configuration.hiddenSize }
  public var layerCount: Int { configuration.layers }
  public var patchSize: Int { configuration.patchSize }
  public var imageSize: Int { configuration.imageSize }
  public var prefixTokens: Int { 1 }

  public init(_ c: DINOv2Configuration, _ scope: LayerScope) {
    configuration = c
    let embeddings = scope.scoped("embeddings")
    let side = c.imageSize / c.patchSize
    classToken = embeddings.parameter("cls_token", [1, 1, c.hiddenSize], initial: .normal(0.02))
    if c.usesMaskToken { _ = embeddings.parameter("mask_token", [1, c.hiddenSize]) }
    positions = embeddings.parameter(
      "position_embeddings", [1, side * side + 1, c.hiddenSize], initial: .normal(0.02))
    patchEmbedding = PatchEmbedding(
      embeddings.scoped("patch_embeddings").scoped("projection"), width: c.hiddenSize,
      size: c.patchSize)
    let shape = AttentionShape(
      heads: c.heads, keyHeads: c.heads, headWidth: c.hiddenSize / c.heads, isCausal: false)
    let inner = Int(Double(c.hiddenSize) * c.feedForwardRatio)
    blocks = (0..<c.layers).map { index in
      let layer = scope.scoped("encoder").scoped("layer").scoped(String(index))
      let attention = layer.scoped("attention")
      // Files have the names of the first release; some have those of transformers' modules.
      func projection(_ name: String, bias: Bool, stored: String) -> Linear {
        attention.linear(
          name, inputs: c.hiddenSize, outputs: c.hiddenSize, bias: bias,
          stored: attention.contains(name + ".weight") ? name : stored)
      }
      return Block(
        norm1: LayerNorm(layer.scoped("norm1"), width: c.hiddenSize, epsilon: c.epsilon),
        attention: SelfAttention(
          query: projection("q_proj", bias: c.queryKeyValueBias, stored: "attention.query"),
          key: projection("k_proj", bias: c.queryKeyValueBias, stored: "attention.key"),
          value: projection("v_proj", bias: c.queryKeyValueBias, stored: "attention.value"),
          output: projection("o_proj", bias: true, stored: "output.dense"), shape: shape),
        scale1: layer.scoped("layer_scale1").parameter("lambda1", [c.hiddenSize], initial: .ones),
        norm2: LayerNorm(layer.scoped("norm2"), width: c.hiddenSize, epsilon: c.epsilon),
        feedForward: FeedForward(
          first: layer.scoped("mlp").linear(
            "fc1", inputs: c.hiddenSize, outputs: inner, bias: true),
          second: layer.scoped("mlp").linear(
            "fc2", inputs: inner, outputs: c.hiddenSize, bias: true), activation: c.activation),
        scale2: layer.scoped("layer_scale2").parameter("lambda1", [c.hiddenSize], initial: .ones))
    }
    norm = LayerNorm(scope.scoped("layernorm"), width: c.hiddenSize, epsilon: c.epsilon)
  }

  public func encode(
    _ pixels: Tensor, request: EncoderRequest, tape: Tape, isTraining: Bool, random: RandomStream
  ) -> EncoderOutput {
    let images = pixels.shape[0]
    let grid = (rows: pixels.shape[2] / patchSize, columns: pixels.shape[3] / patchSize)
    let tokens = grid.rows * grid.columns + 1
    var result = EncoderOutput(tokens: tokens, grid: grid)
    let context = ForwardContext(
      tape: tape, isTraining: isTraining, lengths: Array(repeating: tokens, count: images),
      modality: .image, random: random)
    var x = embed(pixels, grid, tape)  // [images x tokens, width]
    if request.hiddenLayers.contains(0) { result.hidden[0] = x }
    let asked = request.hiddenLayers.union(request.attentionLayers.map { $0 + 1 })
      .union(request.significanceLayers.map { $0 + 1 })
    let last = request.needsLastHiddenState ? layerCount : min(asked.max() ?? 0, layerCount)
    for (index, block) in blocks.prefix(last).enumerated() {
      var record = AttentionRecord(
        keepsProbabilities: request.attentionLayers.contains(index),
        keepsColumnSums: request.significanceLayers.contains(index))
      let mixed = block.attention(block.norm1(x, context), context, record: &record)
      x = tape.scaledAdd(x, scale: block.scale1.variable, mixed)
      x = tape.scaledAdd(
        x, scale: block.scale2.variable, block.feedForward(block.norm2(x, context), context))
      if request.hiddenLayers.contains(index + 1) { result.hidden[index + 1] = x }
      if request.attentionLayers.contains(index) { result.attention[index] = record.probabilities }
      if let sums = record.columnSums { result.significance[index] = sums }
    }
    if request.needsLastHiddenState { result.lastHiddenState = norm(x, context) }
    return result
  }

  /// The class token and the patches, with their positions, image after image.
  private func embed(_ pixels: Tensor, _ grid: (rows: Int, columns: Int), _ tape: Tape) -> Variable
  {
    let images = pixels.shape[0]
    let patches = patchEmbedding(pixels, tape)
    let count = grid.rows * grid.columns
    let side = imageSize / patchSize
    var places = positions.variable
    if grid.rows != side || grid.columns != side {
      let matrix = PositionInterpolation.matrix(
        side: side, rows: grid.rows, columns: grid.columns)
      let rest = tape.joinRows([(places, 1..<side * side + 1)], width: width)
      places = tape.joinRows(
        [(places, 0..<1), (tape.mixRows(rest, by: matrix), 0..<count)], width: width)
    }
    let tokens = tape.joinRows(
      (0..<images).flatMap { image in
        [(classToken.variable, 0..<1), (patches, image * count..<(image + 1) * count)]
      }, width: width)
    let repeated = tape.joinRows(
      Array(repeating: (places, 0..<count + 1), count: images), width: width)
    return tape.add(tokens, repeated)
  }
}
