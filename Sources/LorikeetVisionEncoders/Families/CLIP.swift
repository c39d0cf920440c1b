// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers
internal import LorikeetTensors

/// CLIP's image tower (Radford et al., "Learning transferable visual models from natural language
/// supervision", 2021): a class token, and a norm before the first block.
public struct CLIPVisionConfiguration: VisionEncoderConfiguration, Equatable {
  package var form: EncoderBlock.Form
  public var layers: Int
  public var imageSize: Int
  public var patchSize: Int

  public init(_ values: ConfigurationValues) throws {
    form = try EncoderBlock.Form(values, epsilon: 1e-5, activation: .quickGelu)
    layers = try values.whole("num_hidden_layers", most: 4096)
    imageSize = try values.whole("image_size", most: 1 << 20)
    patchSize = try values.whole("patch_size", most: 1 << 20)
    guard imageSize >= patchSize else {
      throw values.refusal("patch_size", "\(patchSize) for pictures of \(imageSize)")
    }
  }

  public var prefixTokens: Int { 1 }

  public func makeEncoder(_ scope: LayerScope) -> any VisionEncoder {
    let embeddings = scope.scoped("embeddings")
    let side = imageSize / patchSize
    func norm(_ name: String) -> LayerNorm {
      LayerNorm(scope.scoped(name), width: form.width, epsilon: form.epsilon)
    }
    let tokens = PatchTokens(
      patches: PatchEmbedding(
        embeddings.scoped("patch_embedding"), width: form.width, size: patchSize, bias: false),
      classToken: embeddings.parameter(
        "class_embedding", [form.width], initial: .normal(0.02)),
      registers: nil,
      positions: embeddings.scoped("position_embedding").parameter(
        "weight", [side * side + 1, form.width], initial: .normal(0.02)),
      side: side, interpolation: .plain, width: form.width)
    return VisionTransformer(
      patchSize: patchSize, imageSize: imageSize, tokens: tokens,
      // The name is the checkpoints' own.
      firstNorm: norm("pre_layrnorm"),
      blocks: (0..<layers).map {
        EncoderBlock(clip: scope.scoped("encoder").scoped("layers").scoped(String($0)), form)
      },
      lastNorm: nil, pooling: .classToken(norm("post_layernorm")))
  }
}

extension ModelFamily<any VisionEncoderConfiguration> {
  public static var clip: Self {
    ModelFamily(
      "clip_vision_model",
      defaults: [
        "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
        "num_attention_heads": 12, "image_size": 224, "patch_size": 32,
      ]
    ) { try CLIPVisionConfiguration($0) }
  }
}
