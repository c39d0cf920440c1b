// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers
internal import LorikeetTensors

/// SigLIP's image tower (Zhai et al., "Sigmoid loss for language image pre-training", 2023), and
/// SigLIP 2's of fixed resolution, which has the same form: no class token, pooling by attention.
public struct SigLIPVisionConfiguration: VisionEncoderConfiguration, Equatable {
  package var form: EncoderBlock.Form
  public var layers: Int
  public var imageSize: Int
  public var patchSize: Int
  /// Whether the tower has the pooling.
  public var hasHead: Bool
  /// Whether positions are those of the same fraction of the side: Idefics3's tower.
  public var hasFractionalPositions: Bool

  public init(_ values: ConfigurationValues, isIdefics3: Bool = false) throws {
    form = try EncoderBlock.Form(values, epsilon: 1e-6, activation: .geluTanh)
    layers = try values.whole("num_hidden_layers", most: 4096)
    imageSize = try values.whole("image_size", most: 1 << 20)
    patchSize = try values.whole("patch_size", most: 1 << 20)
    hasHead = try !isIdefics3 && values.value("vision_use_head", default: true)
    hasFractionalPositions = isIdefics3
    guard imageSize >= patchSize else {
      throw values.refusal("patch_size", "\(patchSize) for pictures of \(imageSize)")
    }
  }

  public var prefixTokens: Int { 0 }

  public func makeEncoder(_ scope: LayerScope) -> any VisionEncoder {
    let embeddings = scope.scoped("embeddings")
    let side = imageSize / patchSize
    let tokens = PatchTokens(
      patches: PatchEmbedding(
        embeddings.scoped("patch_embedding"), width: form.width, size: patchSize),
      classToken: nil, registers: nil,
      positions: embeddings.scoped("position_embedding").parameter(
        "weight", [side * side, form.width], initial: .normal(0.02)),
      side: side, interpolation: hasFractionalPositions ? .fractional : .plain, width: form.width)
    return VisionTransformer(
      patchSize: patchSize, imageSize: imageSize, tokens: tokens,
      blocks: (0..<layers).map {
        EncoderBlock(clip: scope.scoped("encoder").scoped("layers").scoped(String($0)), form)
      },
      lastNorm: LayerNorm(
        scope.scoped("post_layernorm"), width: form.width, epsilon: form.epsilon),
      pooling: hasHead ? .attention(AttentionPooling(scope.scoped("head"), form)) : .none)
  }
}

extension ModelFamily<any VisionEncoderConfiguration> {
  public static var siglip: Self {
    ModelFamily(
      "siglip_vision_model",
      defaults: [
        "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
        "num_attention_heads": 12, "image_size": 224, "patch_size": 16,
      ]
    ) { try SigLIPVisionConfiguration($0) }
  }
  /// The tower of Idefics3 and SmolVLM, as their `vision_config` has it.
  public static var idefics3Vision: Self {
    ModelFamily(
      "idefics3_vision", "smolvlm_vision", "idefics3", "smolvlm",
      defaults: [
        "hidden_size": 1152, "intermediate_size": 3072, "num_hidden_layers": 12,
        "num_attention_heads": 16, "image_size": 224, "patch_size": 32,
      ]
    ) { try SigLIPVisionConfiguration($0, isIdefics3: true) }
  }
}
