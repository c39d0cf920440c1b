// SPDX-License-Identifier: Apache-2.0

public import LorikeetProjectors
public import LorikeetTensors

/// Which of the encoder's tokens go to the projector.
public enum FeatureSelection: String, Sendable, Codable {
  /// The patches, without the class token.
  case patches = "default"
  case full
}

/// The configuration of a LLaVA model, as `config.json` has it (Liu et al., 2023).
public struct LlavaConfiguration: Decodable, Sendable {
  public static let modelType = "llava"

  public let vision: any VisionEncoderConfiguration
  public let text: any TextDecoderConfiguration
  /// The token that holds the place of image features.
  public let imageToken: Int
  /// Hidden states whose features are joined, as indices from 0 (the embeddings) or from the end.
  public let featureLayers: [Int]
  public let selection: FeatureSelection
  public let projector: ProjectorKind
  public let projectorActivation: Activation
  public let projectorBias: Bool

  enum CodingKeys: String, CodingKey {
    case vision = "vision_config"
    case text = "text_config"
    case imageTokenIndex = "image_token_index"
    case imageTokenID = "image_token_id"
    case featureLayer = "vision_feature_layer"
    case selection = "vision_feature_select_strategy"
    case projector = "projector_type"
    case projectorActivation = "projector_hidden_act"
    case projectorBias = "multimodal_projector_bias"
    case tiesEmbeddings = "tie_word_embeddings"
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    vision = try values.decode(AnyVisionEncoderConfiguration.self, forKey: .vision).value
    var text = try values.decode(AnyTextDecoderConfiguration.self, forKey: .text).value
    // transformers ties the embeddings if either level says so.
    if try values.decodeIfPresent(Bool.self, forKey: .tiesEmbeddings) ?? false {
      text.tiesEmbeddings = true
    }
    self.text = text
    imageToken =
      try values.decodeIfPresent(Int.self, forKey: .imageTokenIndex)
      ?? values.decodeIfPresent(Int.self, forKey: .imageTokenID) ?? 32_000
    if let several = try? values.decode([Int].self, forKey: .featureLayer) {
      featureLayers = several
    } else {
      featureLayers = [try values.decodeIfPresent(Int.self, forKey: .featureLayer) ?? -2]
    }
    selection = try values.decodeIfPresent(FeatureSelection.self, forKey: .selection) ?? .patches
    projector = try values.decodeIfPresent(ProjectorKind.self, forKey: .projector) ?? .mlp
    projectorActivation =
      try values.decodeIfPresent(Activation.self, forKey: .projectorActivation) ?? .gelu
    projectorBias = try values.decodeIfPresent(Bool.self, forKey: .projectorBias) ?? true
  }
}
