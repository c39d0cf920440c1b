// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetAdapters
internal import LorikeetAutograd
internal import LorikeetCheckpoints
public import LorikeetImages
public import LorikeetLayers
public import LorikeetMissingModality
internal import LorikeetProjectors
public import LorikeetTensors
internal import LorikeetTextDecoders
public import LorikeetTokenPruning
internal import LorikeetTokenizers

/// A model ready for work: its processor, adapters, pruning and stand-ins.
public final class Pipeline {
  public let model: VisionLanguageModel
  public private(set) var processor: Processor
  public var settings: TaskSettings
  public var adapters: AdapterSet?
  public var missing: any MissingModalityStrategy
  public var pruning: PruningSpecification?

  private static let settingsFile = "lorikeet.json"
  private static let standInsFile = "stand_ins.safetensors"
  /// What stands beside an adapter and is not PEFT's.
  static let companions = [settingsFile, standInsFile]

  /// Opens a model directory and, if given, an adapter directory with the settings beside it.
  ///
  /// - Parameter baseType: what the model's weights are turned into; nil leaves them as they are.
  public convenience init(
    model directory: String, adapter: String? = nil, baseType: BaseType? = nil, strict: Bool = true
  ) throws {
    try self.init(
      model: directory, adapters: adapter.map { AdapterSelection(directory: $0) },
      baseType: baseType, strict: strict)
  }

  /// Opens a model directory with what is chosen of several adapters; the settings are those beside the
  /// first one that acts, or, without an adapter, beside the model.
  public init(
    model directory: String, adapters selection: AdapterSelection?, baseType: BaseType? = nil,
    strict: Bool = true
  ) throws {
    // Reading a vocabulary takes about as long as looking at the weights.
    let reading = BackgroundWork { try Processor(directory: directory) }
    model = try ModelDirectory(directory).loadLanguageModel(strict: strict)
    if let baseType { model.storeWeights(as: baseType) }
    processor = try reading.value()
    processor.layout = model.layout
    processor.imageToken = model.vision?.imageToken
    model.endTokens.formUnion(try Self.endTokens(directory, processor.tokenizer))
    settings = TaskSettings()
    missing = DropRows()
    let chosen = try selection?.chosen() ?? []
    let adapter = chosen.first?.directory
    if let selection, try chosen.count > 1 || !Self.isSettingsAlone(adapter, of: directory) {
      adapters = try AdapterSet(selection, attachingTo: model.index)
    }
    let place = adapter ?? directory
    let path = place + "/" + Self.settingsFile
    if FileManager.default.fileExists(atPath: path) {
      settings = try JSONFile.decode(TaskSettings.self, from: path)
    }
    if let prune = settings.prune { pruning = try PruningSpecification(prune) }
    if settings.missing == .tokens {
      missing = LearnedTokens(try readStandIns(place + "/" + Self.standInsFile))
    }
  }

  /// Whether a directory has the settings of a model that was trained whole, and no adapter.
  ///
  /// - Throws: `ConfigurationError` if that model, which lies beside it, is another one.
  private static func isSettingsAlone(_ directory: String?, of model: String) throws -> Bool {
    guard let directory else { return false }
    func holds(_ name: String) -> Bool {
      FileManager.default.fileExists(atPath: directory + "/" + name)
    }
    guard holds(settingsFile), !holds("adapter_config.json"), !holds("adapter_routing.json") else {
      return false
    }
    func resolved(_ path: String) -> String { URL(filePath: path).resolvingSymlinksInPath().path }
    let trained = URL(filePath: directory).deletingLastPathComponent().path + "/model"
    guard resolved(trained) == resolved(model) else {
      throw ConfigurationError(
        path: directory,
        "has no adapter, but the settings of a model that was trained whole, \(trained)")
    }
    return true
  }

  /// Takes a model that is in memory.
  public init(_ model: VisionLanguageModel, _ processor: Processor) {
    self.model = model
    self.processor = processor
    self.processor.layout = model.layout
    self.processor.imageToken = model.vision?.imageToken
    settings = TaskSettings()
    missing = DropRows()
  }

  /// The tokens that end an answer by the tokenizer and by `generation_config.json`: the decoder's
  /// own configuration does not always know them.
  private static func endTokens(_ directory: String, _ tokenizer: Tokenizer) throws -> [Int] {
    struct Generation: Decodable {
      let ends: [Int]
      init(from decoder: any Decoder) throws {
        ends = try ConfigurationValues(decoder).oneOrSeveral("eos_token_id")
      }
    }
    let path = directory + "/generation_config.json"
    let ends =
      FileManager.default.fileExists(atPath: path)
      ? try JSONFile.decode(Generation.self, from: path).ends : []
    return ends + (tokenizer.eosToken.map { [$0] } ?? [])
  }

  private func readStandIns(_ path: String) throws -> [Modality: Tensor] {
    let file = try SafetensorsFile(path: path)
    var tokens: [Modality: Tensor] = [:]
    for modality in [Modality.missingImage, .missingText] {
      let name = modality.rawValue + "_tokens"
      guard let stored = file[name], stored.shape.rank == 2, stored.dtype.isFloatingPoint,
        stored.shape[1] == model.decoder.width
      else {
        throw CheckpointError.malformed(
          path: path, reason: "expected a tensor \(name) [rows, \(model.decoder.width)]")
      }
      tokens[modality] = stored.tensor()
    }
    return tokens
  }

  /// Writes adapters, settings and stand-ins into one directory.
  public func saveAdapter(to directory: String) throws {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    if let projector = model.vision?.projector {
      try projector.withFoldedNormalisation { try adapters?.save(to: directory) }
    } else {
      try adapters?.save(to: directory)
    }
    try saveSettings(to: directory)
  }

  /// Writes settings and stand-ins into a directory.
  public func saveSettings(to directory: String) throws {
    let standIns = missing.parameters
    if !standIns.isEmpty {
      try SafetensorsFile.write(
        standIns.map { ($0.name, $0.parameter.stored) }, to: directory + "/" + Self.standInsFile)
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let text = String(decoding: try encoder.encode(settings), as: UTF8.self)
    try AtomicFile.write(text + "\n", to: directory + "/" + Self.settingsFile)
  }

  /// Puts stand-in tokens of one's own in place, as wide and as spread as the decoder's embeddings.
  public func makeStandIns(seed: UInt64) {
    switch settings.missing {
    case .drop: missing = DropRows()
    case .tokens:
      missing = LearnedTokens(
        count: settings.standInTokens, width: model.decoder.width,
        deviation: model.decoder.embeddingDeviation, seed: seed)
    }
  }

  /// The visual tokens of a picture, pruned as the pipeline is set to.
  ///
  /// - Parameter name: the picture's file, for messages.
  public func features(_ image: Image, name: String, random: RandomStream = RandomStream(seed: 0))
    throws -> VisualFeatures
  {
    guard model.vision != nil else {
      throw ConfigurationError(path: name, "the model takes no pictures")
    }
    var random = random
    return try features(of: [processor.pixels(image, name: name)], seeds: [random.next()])[0]
  }

  /// The number of rows of a prompt with its answer.
  public func length(of sequence: TokenSequence) -> Int {
    sequence.answer.count
      + sequence.parts.reduce(0) { sum, part in
        switch part {
        case .tokens(let tokens): sum + tokens.count
        case .image(let features): sum + features.tokens
        case .standIn(let modality): sum + (missing.standIn(for: modality)?.shape.rows ?? 0)
        }
      }
  }

  /// The number of tokens that the model's context has left after a prompt, 0 at least.
  public func room(for sequence: TokenSequence) -> Int {
    max(0, model.decoder.contextLength - length(of: sequence))
  }

  /// - Throws: `ConfigurationError` if the prompt and `more` tokens do not fit the model's context, or
  ///   the tokenizer gives tokens that the model has no embedding of.
  public func requireRoom(for sequence: TokenSequence, and more: Int = 0, name: String) throws {
    for part in sequence.parts {
      if case .tokens(let tokens) = part { try requireKnown(tokens, name: name) }
    }
    try requireKnown(sequence.answer, name: name)
    let length = length(of: sequence)
    guard length + more <= model.decoder.contextLength else {
      throw ConfigurationError(
        path: name,
        "the prompt has \(length) tokens\(more > 0 ? " and \(more) are to follow" : ""), but the "
          + "model's context holds \(model.decoder.contextLength)")
    }
  }

  /// The tokens of labels that the model is to choose from.
  ///
  /// - Throws: `ConfigurationError` for a label without tokens, or with tokens that the model has no
  ///   embedding of.
  public func answers(_ labels: [String]) throws -> [[Int]] {
    try labels.map { label in
      let tokens = answer(label)
      guard !tokens.isEmpty else {
        throw ConfigurationError(path: "label \"\(label)\"", "has no tokens")
      }
      try requireKnown(tokens, name: "label \"\(label)\"")
      return tokens
    }
  }

  private func requireKnown(_ tokens: [Int], name: String) throws {
    guard let token = tokens.max(), token >= model.decoder.vocabulary else { return }
    throw ConfigurationError(
      path: name,
      "the tokenizer gives token \(token), but the model has \(model.decoder.vocabulary) embeddings"
    )
  }

  /// Captions of some prompts, written side by side.
  ///
  /// - Throws: as `VisionLanguageModel.generate` does.
  public func write(
    _ prompts: [TokenSequence], _ options: GenerationOptions
  ) throws(ConfigurationError) -> [String] {
    try model.generate(prompts, options, missing: missing, positions: settings.prunedPositions)
      .map { processor.words($0) }
  }

  /// The tokens of an answer, its end token included, as the pipeline's settings lay it out.
  public func answer(_ text: String) -> [Int] {
    processor.answer(text, settings: settings, endTokens: model.decoder.endTokens)
  }

  /// The labels' mean log probabilities per token after a prompt.
  ///
  /// - Throws: as `answers` does.
  public func scores(of labels: [String], after prompt: TokenSequence) throws -> [Float] {
    try model.scores(
      of: try answers(labels), after: prompt, missing: missing,
      positions: settings.prunedPositions)
  }
}
