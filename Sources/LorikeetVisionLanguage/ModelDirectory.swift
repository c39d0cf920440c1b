// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
internal import LorikeetCheckpoints
public import LorikeetLayers
internal import LorikeetTensors
internal import LorikeetTextDecoders
public import LorikeetVisionEncoders
internal import Synchronization

/// A model of any kind that a directory may hold.
public enum LoadedModel {
  /// A language model, with or without eyes.
  case language(VisionLanguageModel)
  case encoder(any VisionEncoder, ModuleIndex)
  /// An image tower and a text tower side by side.
  case dual(DualEncoder)

  public var index: ModuleIndex {
    switch self {
    case .language(let model): model.index
    case .encoder(_, let index): index
    case .dual(let model): model.index
    }
  }
}

/// A Hugging Face model directory: `config.json` and weights.
public struct ModelDirectory: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  var configurationPath: String { path + "/config.json" }

  /// Opens the model; its weights stay mapped.
  ///
  /// - Parameter strict: whether tensors that are missing, unexpected or misshapen are an error.
  /// - Throws: `CheckpointError` or `ConfigurationError` naming the file and the cause.
  public func load(strict: Bool = true) throws -> LoadedModel {
    let model = try open(strict: strict)
    try requireFinite(model.index)
    return model
  }

  /// Weights that are not numbers would only show in what the model says.
  private func requireFinite(_ index: ModuleIndex) throws(CheckpointError) {
    let weights = index.parameters.map { ($0.name, $0.stored) }
    let spoiled = Atomic<Int>(-1)
    parallelRows(weights.count, grain: 1) { chosen in
      for place in chosen where !weights[place].1.isFinite {
        spoiled.store(place, ordering: .relaxed)
      }
    }
    let place = spoiled.load(ordering: .relaxed)
    guard place < 0 else {
      throw .malformed(
        path: path, tensor: weights[place].0, reason: "holds values that are not finite")
    }
  }

  /// Opens the model without looking at its values.
  func open(strict: Bool) throws -> LoadedModel {
    let type = try JSONFile.decode(ModelType.self, from: configurationPath).name
    if VisionLanguageConfiguration.families.modelTypes.contains(type) {
      return .language(try loadVisionLanguage(strict: strict))
    }
    if DualEncoderConfiguration.families.modelTypes.contains(type) {
      let configuration = try JSONFile.decode(
        DualEncoderConfiguration.self, from: configurationPath)
      let reader = CheckpointReader(try Checkpoint(directory: path))
      let model = try DualEncoder(
        configuration, .checkpoint(reader), path: configurationPath)
      try finish(reader, strict: strict, tied: false)
      return .dual(model)
    }
    if VisionEncoderFamilies.all.modelTypes.contains(type) {
      let configuration = try JSONFile.decode(
        AnyVisionEncoderConfiguration.self, from: configurationPath
      ).value
      // CLIP's and SigLIP's towers stand under a prefix in some files.
      let reader = CheckpointReader(try Checkpoint(directory: path)).aliasing([("", "vision_model")]
      )
      let index = ModuleIndex()
      let encoder = configuration.makeEncoder(LayerScope(.checkpoint(reader), index: index))
      try finish(reader, strict: strict, tied: false)
      return .encoder(encoder, index)
    }
    guard TextDecoderConfiguration.families.modelTypes.contains(type) else {
      throw CheckpointError.configuration(
        path: configurationPath, key: "model_type",
        reason: "has a bad value: \(type) is not supported; supported are \(ModelKinds.supported)")
    }
    let configuration = try JSONFile.decode(CausalConfiguration.self, from: configurationPath).value
    let reader = CheckpointReader(try Checkpoint(directory: path))
    let model = VisionLanguageModel(configuration, .checkpoint(reader))
    try finish(reader, strict: strict, tied: configuration.tiesEmbeddings)
    return .language(model)
  }

  /// Whether `model_type` is that of a dual encoder.
  public func isDualEncoder() throws -> Bool {
    DualEncoderConfiguration.families.modelTypes.contains(
      try JSONFile.decode(ModelType.self, from: configurationPath).name)
  }

  /// Opens a model that must be a language model.
  public func loadLanguageModel(strict: Bool = true) throws -> VisionLanguageModel {
    let kind: String
    switch try load(strict: strict) {
    case .language(let model): return model
    case .encoder: kind = "an image encoder alone"
    case .dual: kind = "two encoders side by side"
    }
    throw ConfigurationError(
      path: configurationPath,
      "this is \(kind); a language or vision-language model is needed (lorikeet assemble joins an "
        + "encoder and a decoder)")
  }

  private func loadVisionLanguage(strict: Bool) throws -> VisionLanguageModel {
    let configuration = try JSONFile.decode(
      VisionLanguageConfiguration.self, from: configurationPath)
    let reader = CheckpointReader(try Checkpoint(directory: path)).aliasing(
      configuration.names.aliases)
    let source = LayerScope.Source.checkpoint(reader)
    let model = try VisionLanguageModel(
      configuration, .init(encoder: source, projector: source, decoder: source),
      path: configurationPath)
    try finish(reader, strict: strict, tied: configuration.text.tiesEmbeddings)
    return model
  }

  private func finish(_ reader: CheckpointReader, strict: Bool, tied: Bool) throws {
    // Buffers that old checkpoints hold, and the copy of tied embeddings.
    reader.ignore {
      $0.hasSuffix("rotary_emb.inv_freq") || $0.hasSuffix("position_ids")
        || tied && $0.hasSuffix("lm_head.weight")
    }
    try reader.finish(strict: strict)
  }
}

/// The configuration of a decoder that stands alone.
private struct CausalConfiguration: Decodable {
  let value: TextDecoderConfiguration

  init(from decoder: any Decoder) throws {
    value = try TextDecoderConfiguration(from: decoder)
    try value.requireCausal(ConfigurationValues(decoder))
  }
}
