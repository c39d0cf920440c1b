// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers
internal import LorikeetTensors

/// The image towers of Qwen2-VL (Wang et al., 2024) and Qwen2.5-VL (Bai et al., 2025): pictures of any
/// size, rotary positions on two axes, patches over two frames; the second has other norms, a gated
/// feed-forward and windows. What merges patches is the projector.
public struct Qwen2VLVisionConfiguration: VisionEncoderConfiguration, Equatable {
  package var form: EncoderBlock.Form
  public var layers: Int
  public var patchSize: Int
  public var frames: Int
  /// The side of the square of patches that becomes one token, in patches.
  public var mergeSize: Int
  public var theta: Double
  /// The side of the windows that attention is kept to, in patches, and the blocks that are free of
  /// them; nil for Qwen2-VL.
  public var windows: Windows?

  public struct Windows: Sendable, Equatable {
    public var side: Int
    public var wholeBlocks: Set<Int>
  }

  /// - Parameter isSecond: whether the keys are those of Qwen2.5-VL.
  public init(_ values: ConfigurationValues, isSecond: Bool) throws {
    let widthKey = isSecond ? "hidden_size" : "embed_dim"
    let width = try values.whole(widthKey, default: isSecond ? 3584 : 1280, most: 1 << 20)
    let heads = try values.whole("num_heads", default: 16, most: 1 << 20)
    let ratio: Double = try values.value("mlp_ratio", default: 4)
    let inner =
      try isSecond
      ? Double(values.whole("intermediate_size", default: 3420)) : Double(width) * ratio
    guard width.isMultiple(of: heads), (width / heads).isMultiple(of: 4), inner >= 1,
      inner <= Double(1 << 24)
    else {
      throw values.refusal(
        widthKey, "\(width) over \(heads) heads, ratio \(ratio): heads need a multiple of 4")
    }
    form = EncoderBlock.Form(
      width: width, inner: Int(inner), heads: heads, epsilon: 1e-6,
      activation: try values.value("hidden_act", default: isSecond ? .silu : .quickGelu))
    layers = try values.whole(
      "depth", default: 32, most: 4096)
    patchSize = try values.whole("patch_size", default: 14, most: 1024)
    frames = try values.whole("temporal_patch_size", default: 2, most: 64)
    mergeSize = try values.whole("spatial_merge_size", default: 2, most: 64)
    let channels = try values.optional("in_chans") ?? values.value("in_channels", default: 3)
    guard channels == 3 else { throw values.refusal("in_channels", "\(channels), expected 3") }
    theta = 10_000
    if try values.isObject("rope_parameters") {
      theta = try values.nested("rope_parameters").value("rope_theta", default: theta)
    }
    guard theta > 1, theta.isFinite else {
      throw values.refusal("rope_parameters", "rope_theta \(theta) is out of range")
    }
    guard isSecond else { return }
    let size = try values.whole("window_size", default: 112, most: 1 << 20)
    let squares = size / mergeSize / patchSize
    guard squares > 0 else {
      throw values.refusal(
        "window_size", "\(size) is less than the \(mergeSize * patchSize) of one token")
    }
    windows = Windows(
      side: squares * mergeSize,
      wholeBlocks: Set(try values.value("fullatt_block_indexes", default: [7, 15, 23, 31])))
  }

  public var prefixTokens: Int { 0 }

  public func makeEncoder(_ scope: LayerScope) -> any VisionEncoder {
    let tokens = PatchTokens(
      patches: PatchEmbedding(
        scope.scoped("patch_embed").scoped("proj"), width: form.width, size: patchSize,
        frames: frames, bias: false),
      classToken: nil, registers: nil, positions: nil, side: 1, interpolation: .plain,
      width: form.width)
    return VisionTransformer(
      // Pictures have the size that they have; this is one of many.
      patchSize: patchSize, imageSize: 8 * mergeSize * patchSize, tokens: tokens,
      blocks: (0..<layers).map { block(scope.scoped("blocks").scoped(String($0))) },
      lastNorm: nil, pooling: .none,
      rotary: AxialRotary(headWidth: form.width / form.heads, theta: theta),
      windows: windows.map { AttentionWindows(side: $0.side, wholeBlocks: $0.wholeBlocks) })
  }

  private func block(_ layer: LayerScope) -> EncoderBlock {
    func norm(_ name: String) -> any Norm {
      let scope = layer.scoped(name)
      return windows == nil
        ? LayerNorm(scope, width: form.width, epsilon: form.epsilon)
        : RMSNorm(scope, width: form.width, epsilon: form.epsilon)
    }
    let attention = layer.scoped("attn")
    return EncoderBlock(
      norm1: norm("norm1"),
      attention: SelfAttention(
        .fused(attention.linear("qkv", inputs: form.width, outputs: 3 * form.width, bias: true)),
        output: attention.linear("proj", inputs: form.width, outputs: form.width, bias: true),
        shape: form.shape),
      scale1: nil, norm2: norm("norm2"), feedForward: feedForward(layer.scoped("mlp")),
      scale2: nil)
  }

  private func feedForward(_ scope: LayerScope) -> any FeedForwarding {
    guard windows != nil else { return FeedForward(clip: scope, form) }
    func layer(_ name: String, _ inputs: Int, _ outputs: Int) -> Linear {
      scope.linear(name, inputs: inputs, outputs: outputs, bias: true)
    }
    return GatedFeedForward(
      gate: layer("gate_proj", form.width, form.inner),
      up: layer("up_proj", form.width, form.inner),
      down: layer("down_proj", form.inner, form.width), activation: form.activation)
  }
}

extension ModelFamily<any VisionEncoderConfiguration> {
  /// The tower of Qwen2-VL, as its `vision_config` has it.
  public static var qwen2VLVision: Self {
    ModelFamily("qwen2_vl_vision", "qwen2_vl") {
      try Qwen2VLVisionConfiguration($0, isSecond: false)
    }
  }
  /// The tower of Qwen2.5-VL.
  public static var qwen25VLVision: Self {
    ModelFamily("qwen2_5_vl_vision", "qwen2_5_vl") {
      try Qwen2VLVisionConfiguration($0, isSecond: true)
    }
  }
}
