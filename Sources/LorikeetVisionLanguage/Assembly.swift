// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetAutograd
internal import LorikeetCheckpoints
internal import LorikeetLayers
public import LorikeetProjectors
internal import LorikeetTensors
internal import LorikeetTextDecoders
internal import LorikeetVisionEncoders

/// Joins an encoder and a decoder directory into a LLaVA directory with a new projector.
public struct Assembly: Sendable {
  /// The directory of an image encoder, or of a dual encoder, whose image tower is taken.
  public var encoder: String
  public var decoder: String
  public var projector = ProjectorKind.mlp
  /// As in LLaVA's configuration; -1 is the last block's output. Several are joined.
  public var featureLayers = [-1]
  /// nil for all but the class token, where the encoder has one, else everything.
  public var selection: FeatureSelection?
  public var seed: UInt64 = 0

  public init(encoder: String, decoder: String) {
    self.encoder = encoder
    self.decoder = decoder
  }

  /// Builds the model and writes its directory.
  ///
  /// The projector's first layer is drawn for features of mean square 1 and its output is scaled to
  /// the spread of the decoder's embeddings, so that pictures enter the decoder as loudly as words.
  public func write(to output: String) throws {
    let isDual = try ModelDirectory(encoder).isDualEncoder()
    let encoderText = try isDual ? towerConfiguration() : contents(encoder + "/config.json")
    let decoderText = try contents(decoder + "/config.json")
    // The image token is the last of the vocabulary: the encoder's features always take its place.
    let text = try JSONFile.decode(
      TextDecoderConfiguration.self, text: decoderText, path: decoder + "/config.json")
    let vision = try JSONFile.decode(
      AnyVisionEncoderConfiguration.self, text: encoderText, path: encoder + "/config.json"
    ).value
    let selection = selection ?? (vision.prefixTokens == 0 ? .full : .patches)
    let layers = featureLayers.map(JSONValue.integer)
    let whole: JSONValue = [
      "architectures": ["LlavaForConditionalGeneration"],
      "model_type": "llava",
      "dtype": "float32",
      "image_token_index": .integer(text.vocabulary - 1),
      "multimodal_projector_bias": true,
      "projector_hidden_act": "gelu",
      "projector_type": .string(projector.rawValue),
      "tie_word_embeddings": .bool(text.tiesEmbeddings),
      "vision_feature_layer": layers.count == 1 ? layers[0] : .array(layers),
      "vision_feature_select_strategy": .string(selection.rawValue),
      "vision_config": try JSONFile.value(text: encoderText, path: encoder + "/config.json"),
      "text_config": try JSONFile.value(text: decoderText, path: decoder + "/config.json"),
    ]
    let configurationText = whole.text
    let configuration = try JSONFile.decode(
      VisionLanguageConfiguration.self, text: configurationText, path: output + "/config.json")
    let encoderReader = CheckpointReader(try Checkpoint(directory: encoder)).aliasing([
      ("vision_tower", ""), ("vision_tower", "vision_model"),
    ])
    let decoderReader = CheckpointReader(try Checkpoint(directory: decoder)).aliasing([
      ("language_model.model", "model"), ("language_model.lm_head", "lm_head"),
    ])
    let model = try VisionLanguageModel(
      configuration,
      .init(
        encoder: .checkpoint(encoderReader), projector: .random(seed: seed),
        decoder: .checkpoint(decoderReader)), path: output + "/config.json")
    encoderReader.ignore {
      $0.hasSuffix("position_ids") || isDual && !$0.hasPrefix("vision_model.")
    }
    try encoderReader.finish()
    decoderReader.ignore { $0.hasSuffix("lm_head.weight") || $0.hasSuffix("rotary_emb.inv_freq") }
    try decoderReader.finish()
    scaleProjector(model)

    try DirectoryWriter.write(to: output) { staging in
      try AtomicFile.write(
        ModelWriter.configuration(whole, of: model.index).text, to: staging + "/config.json")
      try ModelWriter.writeWeights(of: model.index, to: staging)
      for name in ModelWriter.tokenizerFiles { try copy(name, from: decoder, to: staging) }
      try copy("preprocessor_config.json", from: encoder, to: staging)
    }
  }

  /// The configuration of a dual encoder's image tower, as its file has it.
  private func towerConfiguration() throws -> String {
    let path = encoder + "/config.json"
    let whole = try JSONFile.value(text: contents(path), path: path)
    guard case .string(let type)? = whole["model_type"],
      case .object(var members)? = whole["vision_config"]
    else { throw ConfigurationError(path: path, "vision_config: is missing") }
    if !members.contains(where: { $0.0 == "model_type" }) {
      members.insert(("model_type", .string(type + "_vision_model")), at: 0)
    }
    return JSONValue.object(members).text
  }

  /// Brings the spread of the projector's output to that of the decoder's embeddings.
  private func scaleProjector(_ model: VisionLanguageModel) {
    guard
      let last = (model.vision?.projector as? MLPProjector)?.second.weight
        ?? (model.vision?.projector as? LinearProjector)?.linear.weight
    else { return }
    var value = last.variable.value
    Kernels.scale(&value, by: model.decoder.embeddingDeviation)
    last.replace(with: value)
  }

  private func contents(_ path: String) throws -> String {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ConfigurationError(path: path, "cannot be read; is this a model directory?")
    }
    return String(decoding: data, as: UTF8.self)
  }

  private func copy(_ name: String, from source: String, to target: String) throws {
    guard let data = FileManager.default.contents(atPath: source + "/" + name) else { return }
    try AtomicFile.write(Array(data), to: target + "/" + name)
  }
}
