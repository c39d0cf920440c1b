// SPDX-License-Identifier: Apache-2.0

internal import LorikeetLayers
public import LorikeetProjectors
public import LorikeetTensors
public import LorikeetTextDecoders
public import LorikeetVisionEncoders

/// Which of the encoder's tokens go to the projector.
public enum FeatureSelection: String, Sendable, Codable {
  /// All but the first token: the patches, where an encoder begins with a class token.
  case patches = "default"
  case full
}

/// The configuration of a LLaVA model, as `config.json` has it (Liu et al., "Visual instruction
/// tuning", 2023).
public struct LlavaConfiguration: Decodable, Sendable {
  public static let modelType = "llava"

  public let vision: any VisionEncoderConfiguration
  public let text: TextDecoderConfiguration
  /// The token that holds the place of image features.
  public let imageToken: Int
  /// Hidden states whose features are joined, as indices from 0 (the embeddings) or from the end.
  public let featureLayers: [Int]
  public let selection: FeatureSelection
  public let projector: ProjectorKind
  public let projectorActivation: Activation
  public let projectorBias: Bool

  public init(from decoder: any Decoder) throws {
    let values = try ConfigurationValues(decoder)
    vision = try VisionEncoderFamilies.all.configuration(
      values.nested("vision_config"), default: "clip_vision_model")
    var text = try TextDecoderConfiguration.families.configuration(
      values.nested("text_config"), default: "llama")
    // transformers ties the embeddings if either level says so.
    if try values.value("tie_word_embeddings", default: false) { text.tiesEmbeddings = true }
    // Nor does its LLaVA cap the logits, whatever the decoder does on its own.
    text.logitSoftCap = nil
    self.text = text
    imageToken =
      try values.optional("image_token_index") ?? values.value("image_token_id", default: 32_000)
    let layers = try values.oneOrSeveral("vision_feature_layer")
    featureLayers = layers.isEmpty ? [-2] : layers
    selection = try values.value("vision_feature_select_strategy", default: .patches)
    projector = try values.value("projector_type", default: .mlp)
    projectorActivation = try values.value("projector_hidden_act", default: .gelu)
    projectorBias = try values.value("multimodal_projector_bias", default: true)
  }
}
