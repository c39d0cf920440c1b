// SPDX-License-Identifier: Apache-2.0

public import LorikeetImages
public import LorikeetLayers
internal import LorikeetProjectors
public import LorikeetTextDecoders
public import LorikeetVisionEncoders

/// The form of a vision-language model, as `config.json` of any family gives it.
public struct VisionLanguageConfiguration: Sendable {
  /// Which features of the encoder go to the projector.
  public enum Features: Sendable, Equatable {
    /// Hidden states, as indices from 0 (the embeddings) or from the end, joined.
    case hidden([Int])
    /// The last hidden state, after the encoder's last norm.
    case last
  }
  /// How the features of a picture become its tokens.
  public enum Arrangement: Sendable, Equatable {
    /// A token for each.
    case whole
    /// A token for each square of this many by this many patches, whose features are joined (Laurencon
    /// et al., "Building and better understanding vision-language models", 2024).
    case pixelShuffle(Int)
    /// The picture as a whole and in tiles; the tiles' features row by row without what was padding,
    /// a newline after each row (Liu et al., "LLaVA-NeXT", 2024).
    case anyResolution(TileGrids)
  }
  /// Where the parts stand: in the module tree under `model` and in files.
  struct Names: Sendable {
    /// What `model` is called in files.
    var model: String
    var encoder: String
    var projector: String
    var text: String
    /// The decoder's body in files, below `model`.
    var storedText: String
    /// What stands before `lm_head` in files.
    var head: String
    /// Other names in circulation.
    var aliases: [(canonical: String, stored: String)]
  }

  public let vision: any VisionEncoderConfiguration
  public let text: TextDecoderConfiguration
  /// The token that holds the place of image features.
  public let imageToken: Int
  public var features: Features
  public var selection = FeatureSelection.full
  public var arrangement = Arrangement.whole
  /// Whether the tokens of a prompt see one another both ways.
  public var promptSeesItself = false
  /// How pictures stand in prompts.
  public var layout = PictureLayout()
  let names: Names
  let makeProjector: @Sendable (LayerScope, _ inputs: Int, _ outputs: Int) -> any Projector

  /// Every family of vision-language models; a new one is a file and a name here.
  public static let families = ModelFamilies<Self>([
    .llava, .llavaNext, .idefics3, .paligemma, .qwen2VL, .qwen25VL,
  ])
}

extension VisionLanguageConfiguration: Decodable {
  /// Reads the configuration of whichever family `model_type` names.
  public init(from decoder: any Decoder) throws {
    self = try Self.families.configuration(ConfigurationValues(decoder))
  }
}

/// Which of the encoder's tokens go to the projector.
public enum FeatureSelection: String, Sendable, Codable {
  /// All but the first token: the patches, where an encoder begins with a class token.
  case patches = "default"
  case full
}
