// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAdapters
public import LorikeetAutograd
internal import LorikeetLayers
internal import LorikeetMissingModality
internal import LorikeetTensors
internal import LorikeetTokenPruning
public import LorikeetVisionLanguage

extension TrainingRecipe {
  /// How a part is trained.
  func training(of part: ModelPart) -> PartTraining {
    switch part {
    case .encoder: encoder.train ?? .frozen
    case .projector: projector.train ?? .full
    case .decoder: decoder.train ?? .lora
    }
  }

  func part(_ part: ModelPart) -> PartRecipe {
    switch part {
    case .encoder: encoder
    case .projector: projector
    case .decoder: decoder
    }
  }
}

/// Attaches what a recipe trains to a pipeline and sorts it into groups of one learning rate each.
public struct TrainingSetup {
  public let groups: [ParameterGroup]
  /// Whether the weights of the model itself train, so that the result is a model, not an adapter.
  public let trainsModel: Bool

  /// - Parameter path: the recipe's name, for messages.
  public init(_ recipe: TrainingRecipe, _ pipeline: Pipeline, path: String) throws {
    let model = pipeline.model
    // Nothing is left of what the model itself may have beside it.
    pipeline.settings = recipe.settings
    pipeline.pruning = try recipe.prune.map { try PruningSpecification($0) }
    pipeline.makeStandIns(seed: recipe.seed)
    // A fully trained projector is part of the adapter (PEFT's modules_to_save); a fully trained
    // encoder or decoder is not.
    trainsModel = recipe.training(of: .encoder) == .full || recipe.training(of: .decoder) == .full
    var named: [(name: String, rate: Double, parameter: Parameter)] = []
    if trainsModel {
      guard ModelPart.allCases.allSatisfy({ recipe.training(of: $0) != .lora }) else {
        throw TrainingError.recipe(
          path: path, reason: "train: full of encoder or decoder cannot be mixed with train: lora")
      }
      // The model is written out whole.
      if let blocks = model.index.parameters.first(where: { $0.stored.dtype.blockElements > 1 }) {
        throw TrainingError.recipe(
          path: path,
          reason: "train: full of encoder or decoder needs weights that are not quantised, but "
            + "\(blocks.name) is \(blocks.stored.dtype.rawValue); use train: lora, or lorikeet "
            + "convert --dtype bfloat16")
      }
      for entry in model.index.entries {
        let part = model.part(of: entry.modulePath)
        guard recipe.training(of: part) == .full else { continue }
        let options = recipe.part(part)
        entry.parameter.isTrainable = true
        named.append(
          (entry.parameter.name, options.learningRate ?? recipe.learningRate, entry.parameter))
      }
    } else {
      var routing = AdapterRouting(recipe.routing)
      var configurations: [String: any AdapterConfiguration] = [:]
      for name in routing.names {
        let configuration = try recipe.configuration(adapter: name, routing, model, path: path)
        // With a frozen decoder, say, there is nothing that text rows could have of their own.
        guard configuration.targets != nil || !configuration.modulesToSave.isEmpty else { continue }
        configurations[name] = configuration
      }
      guard !configurations.isEmpty else {
        throw TrainingError.recipe(path: path, reason: "nothing of this model trains")
      }
      routing.adapters = routing.adapters.filter { configurations[$0.value] != nil }
      let adapters = try AdapterSet(
        routing, configurations: configurations, attachingTo: model.index, seed: recipe.seed)
      pipeline.adapters = adapters
      for adapter in adapters.adapters {
        for (name, parameter) in adapter.parameters {
          let part = model.part(of: String(name.dropFirst("base_model.model.".count)))
          let options = recipe.part(part)
          let modality = recipe.modalities[adapter.name]
          let rate =
            recipe.training(of: part) == .lora
            ? modality?.learningRate ?? options.learningRate : options.learningRate
          named.append(
            ("\(adapter.name)/\(name)", rate ?? recipe.learningRate, parameter))
        }
      }
    }
    for (name, parameter) in pipeline.missing.parameters {
      parameter.isTrainable = true
      named.append(("stand_ins/" + name, recipe.learningRate, parameter))
    }
    groups = Dictionary(grouping: named, by: \.rate).sorted { $0.key > $1.key }.map {
      rate, members in
      ParameterGroup(
        name: "learning_rate \(rate)", learningRate: rate,
        parameters: members.map { ($0.name, $0.parameter) })
    }
  }

  public var parameters: [(name: String, parameter: Parameter)] { groups.flatMap(\.parameters) }

  /// The number of values that train.
  public var count: Int { parameters.reduce(0) { $0 + $1.parameter.shape.count } }
}

extension TrainingRecipe {
  /// What an adapter has to know later.
  var settings: TaskSettings {
    var settings = TaskSettings()
    settings.promptStyle = promptStyle
    settings.captionPrompt = captionPrompt
    settings.labelPrompt = labelPrompt
    settings.textPrefix = textPrefix
    settings.prune = prune
    settings.prunedPositions = prunedPositions
    settings.missing = missing
    settings.standInTokens = standInTokens
    return settings
  }

  /// The PEFT configuration of one adapter of the routing: the layers of each part with the part's
  /// and the modality's rank and alpha.
  func configuration(
    adapter name: String, _ routing: AdapterRouting, _ model: VisionLanguageModel, path: String
  ) throws -> any AdapterConfiguration {
    let modality = modalities[name]
    let served = routing.modalities(of: name)
    // Encoder and projector see image rows only; their terms belong to the adapter that serves those.
    let servesImages = served?.contains(.image) ?? true
    var configuration = LoRAConfiguration()
    configuration.rank = modality?.r ?? decoder.r ?? r
    configuration.alpha = modality?.loraAlpha ?? decoder.loraAlpha ?? loraAlpha
    configuration.dropout = Float(loraDropout)
    configuration.usesRankStabilisation = useRslora
    configuration.usesDoRA = useDora
    configuration.baseModel = self.model
    configuration.taskType = model.vision == nil ? "CAUSAL_LM" : nil
    // As the embeddings of tokens and the head belong to the one that serves text.
    let servesText = served?.contains(.text) ?? true
    let textual = Set(model.index.heads.map(\.name) + model.index.embeddings.map(\.name))
    var names: [String] = []
    for part in ModelPart.allCases {
      let options = self.part(part)
      guard training(of: part) == .lora, part == .decoder || servesImages else { continue }
      let chosen = try targets(of: part, model, path: path)
      names += servesText ? chosen : chosen.filter { !textual.contains($0) }
      let rank = modality?.r ?? options.r ?? r
      let alpha = modality?.loraAlpha ?? options.loraAlpha ?? loraAlpha
      let pattern = model.pattern(of: part)
      if rank != configuration.rank { configuration.rankPattern.append((pattern, rank)) }
      if alpha != configuration.alpha { configuration.alphaPattern.append((pattern, alpha)) }
    }
    configuration.targets = names.isEmpty ? nil : .names(names)
    if training(of: .projector) == .full, servesImages,
      let projector = model.module(of: .projector)?.split(separator: ".").last
    {
      configuration.modulesToSave = [String(projector)]
    }
    return peftType == .ia3 ? Self.scaling(configuration) : configuration
  }

  /// The names of the modules of a part that `target_modules` names.
  ///
  /// - Throws: `AdapterError.noTargets` for a name that matches nothing.
  private func targets(
    of part: ModelPart, _ model: VisionLanguageModel, path: String
  ) throws(AdapterError) -> [String] {
    func matching(_ targets: ModuleTargets) -> [String] {
      var choice = LoRAConfiguration()
      choice.targets = targets
      let matcher = ModuleMatcher(choice)
      let names =
        model.index.adaptable.map(\.name).filter { matcher.isTarget($0) }
        + model.index.embeddings.map(\.name).filter { matcher.isTargetEmbedding($0) }
      return names.filter { model.part(of: $0) == part }
    }
    func refuse(_ targets: String) -> AdapterError {
      .noTargets(
        source: "\(path): \(part.rawValue).target_modules", targets: targets,
        examples: model.index.linears.map(\.name).filter { model.part(of: $0) == part }.suffix(3))
    }
    guard let asked = self.part(part).targetModules else {
      let chosen = matching(peftType == .ia3 ? .names(Self.scaledLayers) : .allLinear)
      guard !chosen.isEmpty else { throw refuse("all-linear") }
      return chosen
    }
    if let name = asked.first(where: { matching(.names([$0])).isEmpty }) { throw refuse(name) }
    guard !asked.isEmpty else { throw refuse("(none given)") }
    return matching(.names(asked))
  }

  /// What (IA)^3 scales by default: keys, values, and the input of the last layer of each
  /// feed-forward, under the names of all families.
  private static let scaledLayers = ["k_proj", "v_proj", "qkv_proj"] + scaledInputs
  private static let scaledInputs = ["down_proj", "fc2", "linear_2"]

  /// (IA)^3 on the same layers.
  private static func scaling(_ c: LoRAConfiguration) -> IA3Configuration {
    var configuration = IA3Configuration()
    configuration.targets = c.targets
    if case .names(let names)? = c.targets {
      configuration.feedForward = .names(
        names.filter { name in scaledInputs.contains { name.hasSuffix("." + $0) } })
    }
    configuration.modulesToSave = c.modulesToSave
    configuration.baseModel = c.baseModel
    configuration.taskType = c.taskType
    return configuration
  }
}
