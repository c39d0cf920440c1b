// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers
public import LorikeetTextDecoders
public import LorikeetVisionEncoders

/// A decoder's configuration that can build the decoder.
public protocol TextDecoderConfiguration: Codable, Sendable {
  /// The values of `model_type` that it reads.
  static var modelTypes: [String] { get }
  /// Whether the output embeddings are the input ones.
  var tiesEmbeddings: Bool { get set }
  /// The number of tokens.
  var vocabularySize: Int { get }
  /// - Parameters:
  ///   - model: where the decoder's body stands.
  ///   - head: where `lm_head` stands.
  func makeDecoder(model: LayerScope, head: LayerScope) -> any TextDecoder
}

/// An encoder's configuration that can build the encoder.
public protocol VisionEncoderConfiguration: Codable, Sendable {
  static var modelTypes: [String] { get }
  func makeEncoder(_ scope: LayerScope) -> any VisionEncoder
}

/// All families; a new one is a file and a line here.
public enum ModelFamilies {
  public static let textDecoders: [any TextDecoderConfiguration.Type] = [LlamaConfiguration.self]
  public static let visionEncoders: [any VisionEncoderConfiguration.Type] = [
    DINOv2Configuration.self
  ]

  /// The model types that are supported, for messages.
  public static var supported: String {
    let decoders = textDecoders.flatMap { $0.modelTypes }
    let encoders = visionEncoders.flatMap { $0.modelTypes }
    return "vision-language: \(LlavaConfiguration.modelType); text decoders: "
      + decoders.joined(separator: ", ") + "; image encoders: " + encoders.joined(separator: ", ")
  }
}

extension LlamaConfiguration: TextDecoderConfiguration {
  public static var modelTypes: [String] { ["llama"] }
  public var vocabularySize: Int { vocabulary }
  public func makeDecoder(model: LayerScope, head: LayerScope) -> any TextDecoder {
    Llama(self, model: model, head: head)
  }
}

extension DINOv2Configuration: VisionEncoderConfiguration {
  public static var modelTypes: [String] { ["dinov2"] }
  public func makeEncoder(_ scope: LayerScope) -> any VisionEncoder { DINOv2(self, scope) }
}

/// A configuration of any family in a list, told apart by `model_type`.
struct AnyTextDecoderConfiguration: Decodable {
  let value: any TextDecoderConfiguration

  init(from decoder: any Decoder) throws {
    let type = try ModelType(from: decoder)
    guard
      let family = ModelFamilies.textDecoders.first(where: { $0.modelTypes.contains(type.name) })
    else { throw type.unsupported(decoder) }
    value = try family.init(from: decoder)
  }
}

struct AnyVisionEncoderConfiguration: Decodable {
  let value: any VisionEncoderConfiguration

  init(from decoder: any Decoder) throws {
    let type = try ModelType(from: decoder)
    guard
      let family = ModelFamilies.visionEncoders.first(where: { $0.modelTypes.contains(type.name) })
    else { throw type.unsupported(decoder) }
    value = try family.init(from: decoder)
  }
}

/// The key that says which family a configuration belongs to.
struct ModelType: Decodable {
  let name: String

  enum CodingKeys: String, CodingKey { case name = "model_type" }

  init(from decoder: any Decoder) throws {
    name = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .name)
  }

  func unsupported(_ decoder: any Decoder) -> DecodingError {
    .dataCorrupted(
      .init(
        codingPath: decoder.codingPath + [CodingKeys.name],
        debugDescription: "\(name) is not supported; supported are "
          + ModelFamilies.supported))
  }
}
