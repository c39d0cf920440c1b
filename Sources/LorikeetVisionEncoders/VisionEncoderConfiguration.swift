// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers

/// An encoder's configuration that can build the encoder.
public protocol VisionEncoderConfiguration: Sendable {
  /// Tokens before the patches.
  var prefixTokens: Int { get }
  /// - Parameter scope: where the encoder's tensors stand.
  func makeEncoder(_ scope: LayerScope) -> any VisionEncoder
}

/// The image encoders.
public enum VisionEncoderFamilies {
  /// Every family of encoders; a new one is a file and a name here.
  public static let all = ModelFamilies<any VisionEncoderConfiguration>([
    .dinov2, .dinov2WithRegisters, .clip, .siglip, .idefics3Vision, .qwen2VLVision, .qwen25VLVision,
  ])
}

/// The configuration of an image encoder of any family, told apart by `model_type`.
public struct AnyVisionEncoderConfiguration: Decodable {
  public let value: any VisionEncoderConfiguration

  public init(from decoder: any Decoder) throws {
    value = try VisionEncoderFamilies.all.configuration(ConfigurationValues(decoder))
  }
}
