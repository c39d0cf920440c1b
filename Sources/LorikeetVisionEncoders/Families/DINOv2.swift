// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
public import LorikeetLayers
public import LorikeetTensors

/// DINOv2 (Oquab et al., "DINOv2", 2023), also with registers (Darcet et al., "Vision transformers
/// need registers", 2024).
public struct DINOv2Configuration: VisionEncoderConfiguration, Equatable {
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
  /// Tokens beside the class token; 0 for the first release, whose positions are also interpolated
  /// otherwise.
  public var registers: Int

  /// - Parameter hasRegisters: whether this is the release with registers.
  public init(_ values: ConfigurationValues, hasRegisters: Bool) throws {
    hiddenSize = try values.whole("hidden_size", default: 768, most: 1 << 20)
    layers = try values.whole("num_hidden_layers", default: 12, most: 4096)
    heads = try values.whole("num_attention_heads", default: 12, most: 1 << 20)
    feedForwardRatio = try values.value("mlp_ratio", default: 4)
    imageSize = try values.whole("image_size", default: 224, most: 1 << 20)
    patchSize = try values.whole(
      "patch_size", default: hasRegisters ? 16 : 14, most: 1 << 20)
    epsilon = try values.value("layer_norm_eps", default: 1e-6)
    activation = try values.value("hidden_act", default: .gelu)
    queryKeyValueBias = try values.value("qkv_bias", default: true)
    usesMaskToken = try hasRegisters || values.value("use_mask_token", default: true)
    registers = hasRegisters ? try values.whole("num_register_tokens", default: 4) : 0
    guard try values.value("use_swiglu_ffn", default: false) == false else {
      throw values.refusal(
        "use_swiglu_ffn", "the gated feed-forward of dinov2-giant is not supported")
    }
    guard hiddenSize.isMultiple(of: heads), feedForwardRatio > 0, feedForwardRatio < 1024,
      imageSize >= patchSize
    else {
      throw values.refusal(
        "hidden_size", "\(heads) heads, ratio \(feedForwardRatio), patches of \(patchSize)")
    }
  }

  public var prefixTokens: Int { 1 + registers }

  public func makeEncoder(_ scope: LayerScope) -> any VisionEncoder {
    let embeddings = scope.scoped("embeddings")
    let side = imageSize / patchSize
    let classToken = embeddings.parameter(
      "cls_token", [1, 1, hiddenSize], initial: .normal(0.02))
    if usesMaskToken { _ = embeddings.parameter("mask_token", [1, hiddenSize]) }
    let positions = embeddings.parameter(
      "position_embeddings", [1, side * side + 1, hiddenSize], initial: .normal(0.02))
    let tokens = PatchTokens(
      patches: PatchEmbedding(
        embeddings.scoped("patch_embeddings").scoped("projection"), width: hiddenSize,
        size: patchSize),
      classToken: classToken,
      registers: registers == 0
        ? nil
        : embeddings.parameter(
          "register_tokens", [1, registers, hiddenSize], initial: .normal(0.02)),
      positions: positions, side: side, interpolation: registers == 0 ? .plain : .antialiased,
      width: hiddenSize)
    let form = EncoderBlock.Form(
      width: hiddenSize, inner: Int(Double(hiddenSize) * feedForwardRatio), heads: heads,
      epsilon: epsilon, activation: activation)
    let blocks = (0..<layers).map {
      block(scope.scoped("encoder").scoped("layer").scoped(String($0)), form)
    }
    return VisionTransformer(
      patchSize: patchSize, imageSize: imageSize, tokens: tokens, blocks: blocks,
      lastNorm: LayerNorm(scope.scoped("layernorm"), width: hiddenSize, epsilon: epsilon),
      pooling: .firstRow)
  }

  private func block(_ layer: LayerScope, _ form: EncoderBlock.Form) -> EncoderBlock {
    let attention = layer.scoped("attention")
    // Files have the names of the first release; some have those of transformers' modules.
    func projection(_ name: String, bias: Bool, stored: String) -> Linear {
      attention.linear(
        name, inputs: hiddenSize, outputs: hiddenSize, bias: bias,
        stored: attention.contains(name + ".weight") ? name : stored)
    }
    func scale(_ name: String) -> Parameter {
      layer.scoped(name).parameter("lambda1", [hiddenSize], initial: .ones)
    }
    return EncoderBlock(
      norm1: LayerNorm(layer.scoped("norm1"), width: hiddenSize, epsilon: epsilon),
      attention: SelfAttention(
        query: projection("q_proj", bias: queryKeyValueBias, stored: "attention.query"),
        key: projection("k_proj", bias: queryKeyValueBias, stored: "attention.key"),
        value: projection("v_proj", bias: queryKeyValueBias, stored: "attention.value"),
        output: projection("o_proj", bias: true, stored: "output.dense"), shape: form.shape),
      scale1: scale("layer_scale1"),
      norm2: LayerNorm(layer.scoped("norm2"), width: hiddenSize, epsilon: epsilon),
      feedForward: FeedForward(clip: layer.scoped("mlp"), form), scale2: scale("layer_scale2"))
  }
}

extension ModelFamily<any VisionEncoderConfiguration> {
  public static var dinov2: Self {
    ModelFamily("dinov2") { try DINOv2Configuration($0, hasRegisters: false) }
  }
  public static var dinov2WithRegisters: Self {
    ModelFamily("dinov2_with_registers") { try DINOv2Configuration($0, hasRegisters: true) }
  }
}
