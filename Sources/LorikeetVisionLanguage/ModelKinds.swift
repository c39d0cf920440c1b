// SPDX-License-Identifier: Apache-2.0

internal import LorikeetCheckpoints
internal import LorikeetLayers
internal import LorikeetTextDecoders
internal import LorikeetVisionEncoders

/// What `model_type` may say.
public enum ModelKinds {
  /// The model types that are supported, by kind, for messages.
  public static var supported: String {
    func list(_ title: String, _ types: [String]) -> String {
      title + ": " + types.joined(separator: ", ")
    }
    return [
      list("vision-language", VisionLanguageConfiguration.families.modelTypes),
      list("text decoders", TextDecoderConfiguration.families.modelTypes),
      list("image encoders", VisionEncoderFamilies.all.modelTypes),
      list("dual encoders", DualEncoderConfiguration.families.modelTypes),
    ].joined(separator: "; ")
  }
}

/// The key that says which family a configuration belongs to.
struct ModelType: Decodable {
  let name: String

  enum CodingKeys: String, CodingKey { case name = "model_type" }
}
