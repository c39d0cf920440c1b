// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetAutograd
internal import LorikeetCheckpoints
public import LorikeetLayers
internal import LorikeetTensors

/// All that one PEFT configuration attaches to a model: a method's terms on linear layers and
/// embeddings, biases that train, and modules that are trained whole.
public final class Adapter {
  public let name: String
  public let configuration: any AdapterConfiguration
  /// The terms on linear layers, in the model's order.
  public private(set) var terms: [(linear: Linear, term: any LinearTerm)] = []
  private(set) var embeddingTerms: [(embedding: Embedding, term: any EmbeddingTerm)] = []
  private(set) var replaced: [Replacement] = []

  /// A parameter of the model that has another value with the adapter.
  struct Replacement {
    /// Its name in the file.
    let key: String
    let parameter: Parameter
    /// The value before.
    let original: Tensor
    let trains: Bool

    /// Whether the value is the one before.
    var isUnchanged: Bool {
      parameter.variable.value.withValues { now in
        original.withValues { now.elementsEqual($0) }
      }
    }
  }

  /// Attaches a new adapter, which changes nothing yet.
  ///
  /// - Parameter modalities: the rows on which it acts; nil for all.
  /// - Throws: `AdapterError.noTargets` if nothing matches, `cannotAttach` if the method cannot be put
  ///   on what does.
  public convenience init(
    name: String, _ configuration: any AdapterConfiguration, attachingTo index: ModuleIndex,
    modalities: Set<Modality>? = nil, seed: UInt64
  ) throws(AdapterError) {
    let source = "adapter \(name)"
    if let reason = (configuration as? LoRAConfiguration)?.contradiction {
      throw .configuration(path: source, reason: reason)
    }
    try self.init(
      name: name, configuration, index, modalities, source: source,
      NewTensors(seed: seed, name: name))
    attach()
    for entry in parameters { entry.parameter.isTrainable = true }
  }

  /// Attaches the adapter that a directory of PEFT or MLX holds. Its parameters are frozen.
  ///
  /// - Throws: `AdapterError` naming the file and what does not fit.
  public convenience init(
    name: String, directory: String, attachingTo index: ModuleIndex,
    modalities: Set<Modality>? = nil
  ) throws {
    let settings = directory + "/adapter_config.json"
    if MLXAdapter.isFound(in: directory) {
      let weights = try MLXAdapter.read(directory, for: index)
      try self.init(
        name: name, weights, attachingTo: index, modalities: modalities, source: settings)
      return
    }
    let configuration = try AdapterMethods.configuration(path: settings)
    let tensors = try SavedTensors(path: directory + "/adapter_model.safetensors")
    try self.init(name: name, configuration, index, modalities, source: settings, tensors)
    try tensors.finish()
    attach()
  }

  /// Attaches an adapter that is in memory. Its parameters are frozen.
  ///
  /// - Parameter source: where it comes from, for messages.
  public convenience init(
    name: String, _ weights: LoRAWeights, attachingTo index: ModuleIndex,
    modalities: Set<Modality>? = nil, source: String
  ) throws(AdapterError) {
    let tensors = SavedTensors(
      Dictionary(weights.tensors.map { ($0.name, $0.tensor) }) { first, _ in first }, path: source)
    try self.init(
      name: name, weights.configuration, index, modalities, source: source, tensors)
    try tensors.finish()
    attach()
  }

  /// Makes the terms, without changing the model.
  ///
  /// - Parameter source: where the configuration comes from, for messages.
  private init(
    name: String, _ configuration: any AdapterConfiguration, _ index: ModuleIndex,
    _ modalities: Set<Modality>?, source: String, _ tensors: any AdapterTensors
  ) throws(AdapterError) {
    self.name = name
    self.configuration = configuration
    if let pattern = ModuleMatcher.invalidPattern(configuration) {
      throw .configuration(path: source, reason: "\(pattern) is not a valid regular expression")
    }
    let matcher = ModuleMatcher(configuration)
    let linears = index.adaptable.filter { matcher.isTarget($0.name) }
    let embeddings = index.embeddings.filter { matcher.isTargetEmbedding($0.name) }
    // Embeddings belong to text, and what the head's rows predict is text.
    let servesText = modalities?.contains(.text) ?? true
    try Self.requireTargets(index, matcher, configuration, source)
    func slot(_ module: String) -> AdapterSlot {
      AdapterSlot(module: module, modalities: modalities, source: source, tensors: tensors)
    }
    let heads = Set(index.heads.map(\.name))
    for linear in linears where !heads.contains(linear.name) || servesText {
      let term = try configuration.term(on: linear, slot(linear.name))
      for case let other as any LinearTerm in linear.adapters
      where !(term.isAdditive && other.isAdditive) && term.overlaps(other) {
        throw .cannotAttach(
          source: source,
          reason: "\(linear.name) already has an adapter, and only LoRA terms can be added up")
      }
      terms.append((linear, term))
    }
    for embedding in embeddings where servesText {
      embeddingTerms.append(
        (embedding, try configuration.term(on: embedding, slot(embedding.name))))
    }
    try addTokenRows(index, slot, source)
    for (embedding, term) in embeddingTerms {
      for case let other as any EmbeddingTerm in embedding.adapters
      where !(term.isAdditive && other.isAdditive) {
        throw .cannotAttach(
          source: source,
          reason: "\(embedding.name) already has an adapter, and only LoRA terms can be added up")
      }
    }
    // PEFT saves the weights of adapted embeddings and heads along with their terms.
    for (name, parameter) in embeddings.map({ ($0.name, $0.weight) })
      + index.heads.filter({ matcher.isTarget($0.name) }).map({ ($0.name, $0.weight) })
    where servesText {
      let key = AdapterSlot.prefix + name + ".base_layer.weight"
      if let table = try tensors.replacement(key, parameter.shape, isOptional: true) {
        replaced.append(
          Replacement(
            key: key, parameter: parameter, original: parameter.variable.value, trains: false))
        values.append(table)
      }
    }
    guard !terms.isEmpty || !embeddingTerms.isEmpty || !configuration.modulesToSave.isEmpty else {
      throw .cannotAttach(
        source: source,
        reason:
          "the targets \(Self.describe(configuration.targets)) belong to text, which \(name) does "
          + "not serve")
    }
    for entry in index.entries {
      let isBias = entry.modulePath.hasSuffix(".bias")
      let module = String(entry.modulePath.dropLast(5))
      let isAdapted = isBias && linears.contains { $0.name == module }
      let trainsBias =
        isBias && (configuration.bias == .all || configuration.bias == .loraOnly && isAdapted)
      guard trainsBias || matcher.isSaved(parameter: entry.modulePath) else { continue }
      let key =
        AdapterSlot.prefix
        + (trainsBias && isAdapted ? module + ".base_layer.bias" : entry.modulePath)
      let original = entry.parameter.variable.value
      values.append(
        try tensors.replacement(key, entry.parameter.shape, isOptional: false) ?? original)
      replaced.append(
        Replacement(key: key, parameter: entry.parameter, original: original, trains: true))
    }
  }

  /// What takes the place of `replaced`, until it is attached.
  private var values: [Tensor] = []

  /// - Throws: `AdapterError` if nothing of the model is adapted, or a module is meant to be that has no
  ///   socket.
  private static func requireTargets(
    _ index: ModuleIndex, _ matcher: ModuleMatcher, _ configuration: any AdapterConfiguration,
    _ source: String
  ) throws(AdapterError) {
    let sockets = Set(index.adaptable.map(\.name)).union(index.embeddings.map(\.name))
    let adaptsSome =
      index.adaptable.contains { matcher.isTarget($0.name) }
      || index.embeddings.contains { matcher.isTargetEmbedding($0.name) }
    let savesSome =
      !configuration.trainableTokens.isEmpty
      || index.entries.contains { matcher.isSaved(parameter: $0.modulePath) }
    for name in configuration.modulesToSave {
      let saves = ModuleMatcher(saving: name)
      guard index.entries.contains(where: { saves.isSaved(parameter: $0.modulePath) }) else {
        throw .cannotAttach(
          source: source, reason: "modules_to_save: \(name) matches no module of the model")
      }
    }
    guard adaptsSome || (configuration.targets == nil && savesSome) else {
      throw .noTargets(
        source: source, targets: describe(configuration.targets),
        examples: Array(index.linears.suffix(3).map(\.name)))
    }
    for entry in index.entries where entry.modulePath.hasSuffix(".weight") {
      let module = String(entry.modulePath.dropLast(7))
      guard !sockets.contains(module), matcher.isTargetEmbedding(module) else { continue }
      throw .cannotAttach(
        source: source,
        reason: "target_modules matches \(module), and only linear layers and token embeddings "
          + "can be adapted")
    }
  }

  private func addTokenRows(
    _ index: ModuleIndex, _ slot: (String) -> AdapterSlot, _ source: String
  ) throws(AdapterError) {
    let tokens = configuration.trainableTokens
    guard !tokens.isEmpty else { return }
    func refuse(_ reason: String) -> AdapterError {
      .cannotAttach(source: source, reason: "trainable_token_indices: " + reason)
    }
    guard let embedding = index.embeddings.first else {
      throw refuse("the model has no token embeddings that can be adapted")
    }
    guard tokens.allSatisfy({ $0 >= 0 && $0 < embedding.count }), Set(tokens).count == tokens.count
    else {
      throw refuse("\(tokens.prefix(8)) are not different tokens of 0 ..< \(embedding.count)")
    }
    let rows = try slot(embedding.name).parameter(
      ".token_adapter.trainable_tokens_delta", [tokens.count, embedding.width]
    ) { _ in embedding.weight.rows(of: tokens) }
    embeddingTerms.append((embedding, TokenRows(rows, tokens: tokens)))
  }

  private func attach() {
    for (entry, value) in zip(replaced, values) { entry.parameter.replace(with: value) }
    values = []
    for (linear, term) in terms { linear.adapters.append(term) }
    for (embedding, term) in embeddingTerms { embedding.adapters.append(term) }
  }

  /// The trainable parameters under the names that they have in the file.
  public var parameters: [(name: String, parameter: Parameter)] {
    let own = terms.flatMap { $0.term.parameters } + embeddingTerms.flatMap { $0.term.parameters }
    return own.map { ($0.name, $0) }
      + replaced.filter(\.trains).map { ($0.key, $0.parameter) }
  }

  /// The names of the modules that it acts on: linear layers, then embeddings, in the model's order.
  public var modules: [String] {
    terms.map(\.linear.name) + embeddingTerms.map(\.embedding.name)
  }

  /// The names in the model of the parameters that it replaces.
  public var replacedParameters: [String] { replaced.map(\.parameter.name) }

  /// Takes the adapter off the model and puts back what it replaced. Does nothing once it is merged.
  public func detach() {
    unplug()
    for entry in replaced { entry.parameter.replace(with: entry.original) }
  }

  /// Takes the terms off, and freezes what was trained of the model.
  private func unplug() {
    for (linear, term) in terms { linear.adapters.removeAll { $0 === term } }
    for (embedding, term) in embeddingTerms { embedding.adapters.removeAll { $0 === term } }
    for entry in replaced { entry.parameter.isTrainable = false }
  }

  /// Folds the terms into the weights and takes the adapter off; replaced modules stay. The adapter is
  /// empty after this.
  ///
  /// - Throws: `AdapterError.cannotMerge` if it acts on some rows of a layer only, or has a bias where
  ///   the layer has none. Nothing is changed then.
  public func merge() throws(AdapterError) {
    for (linear, term) in terms {
      if term.modalities != nil {
        throw .cannotMerge(
          reason:
            "adapter \(name) acts on the rows of some modalities only, and a weight acts on all")
      }
      if let reason = term.obstacleToMerging(into: linear) { throw .cannotMerge(reason: reason) }
    }
    for (embedding, term) in embeddingTerms {
      if let reason = term.obstacleToMerging(into: embedding) { throw .cannotMerge(reason: reason) }
    }
    for (linear, term) in terms { term.merge(into: linear) }
    for (embedding, term) in embeddingTerms { term.merge(into: embedding) }
    unplug()
    terms = []
    embeddingTerms = []
    replaced = []
  }

  /// Writes `adapter_config.json` and `adapter_model.safetensors`, which PEFT opens.
  public func save(to directory: String) throws {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    let kept = replaced.filter { !$0.trains }.map { (name: $0.key, parameter: $0.parameter) }
    try SafetensorsFile.write(
      (parameters + kept).map { ($0.name, $0.parameter.stored) },
      to: directory + "/adapter_model.safetensors")
    try AtomicFile.write(configuration.jsonText, to: directory + "/adapter_config.json")
  }

  private static func describe(_ targets: ModuleTargets?) -> String {
    switch targets {
    case nil: "(none given)"
    case .allLinear: "all-linear"
    case .pattern(let pattern): "\"\(pattern)\""
    case .names(let names): names.joined(separator: ", ")
    }
  }
}
