// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetAutograd
internal import LorikeetCheckpoints
public import LorikeetLayers
internal import LorikeetTensors

/// All that one PEFT configuration attaches to a model: low-rank terms on linear layers, biases that
/// train, and modules that are trained whole.
public final class Adapter {
  public let name: String
  public private(set) var configuration: LoRAConfiguration
  /// The low-rank terms by the name of their layer, in the model's order.
  public private(set) var terms: [(linear: Linear, term: LowRankAdapter)] = []
  /// Parameters of the model that the adapter trains and saves, each with its module path, the name
  /// under which it is saved and its value before.
  private var replaced: [(path: String, key: String, parameter: Parameter, original: Tensor)] = []

  private static let prefix = "base_model.model."

  /// Attaches a new adapter: B zero, A uniform in +-1 / sqrt(in) (PEFT's Kaiming initialisation).
  ///
  /// - Parameter modalities: the rows on which it acts; nil for all.
  /// - Throws: `AdapterError.noTargets` if nothing matches.
  public convenience init(
    name: String, _ configuration: LoRAConfiguration, attachingTo index: ModuleIndex,
    modalities: Set<Modality>? = nil, seed: UInt64
  ) throws(AdapterError) {
    try self.init(name: name, configuration, index, modalities, source: "adapter \(name)") {
      (key, shape) throws(AdapterError) in
      if key.hasSuffix(".lora_A.weight") {
        var stream = RandomStream.derive(seed: seed, label: name + "/" + key)
        let bound = 1 / Float(max(shape[1], 1)).squareRoot()
        return Tensor((0..<shape.count).map { _ in stream.uniform(-bound..<bound) }, shape)
      }
      return key.contains(".lora_B.") ? Tensor(repeating: 0, shape) : nil
    }
    for entry in parameters { entry.parameter.isTrainable = true }
  }

  /// Attaches the adapter that a PEFT directory holds. Its parameters are frozen.
  ///
  /// - Throws: `AdapterError` naming the file and what does not fit.
  public convenience init(
    name: String, directory: String, attachingTo index: ModuleIndex,
    modalities: Set<Modality>? = nil
  ) throws {
    let settings = directory + "/adapter_config.json"
    let configuration = try LoRAConfiguration(path: settings)
    let path = directory + "/adapter_model.safetensors"
    let file = try SafetensorsFile(path: path)
    var unread = Set(file.names)
    var missing: [String] = []
    try self.init(name: name, configuration, index, modalities, source: settings) {
      (key, shape) throws(AdapterError) in
      guard let stored = file[key] else {
        missing.append(key)
        return Tensor(repeating: 0, shape)
      }
      unread.remove(key)
      guard stored.shape == shape else {
        throw AdapterError.misshapen(
          path: path, name: key, found: stored.shape.description, expected: shape.description)
      }
      guard stored.dtype.isFloatingPoint else {
        throw AdapterError.misshapen(
          path: path, name: key, found: stored.dtype.rawValue, expected: "real numbers")
      }
      return stored.tensor()
    }
    if !missing.isEmpty {
      detach()
      throw AdapterError.missing(path: path, names: missing)
    }
    if !unread.isEmpty {
      detach()
      throw AdapterError.unexpected(path: path, names: unread.sorted())
    }
    if let name = nonFiniteParameter {
      detach()
      throw AdapterError.misshapen(
        path: path, name: name, found: "not finite", expected: "numbers")
    }
  }

  /// - Parameters:
  ///   - source: where the configuration comes from, for messages.
  ///   - value: the value of a tensor by its name in the file and its shape; nil leaves what the model
  ///     has.
  private init(
    name: String, _ configuration: LoRAConfiguration, _ index: ModuleIndex,
    _ modalities: Set<Modality>?, source: String,
    value: (String, Shape) throws(AdapterError) -> Tensor?
  ) throws(AdapterError) {
    self.name = name
    self.configuration = configuration
    if let pattern = ModuleMatcher.invalidPattern(configuration) {
      throw .configuration(path: source, reason: "\(pattern) is not a valid regular expression")
    }
    let matcher = ModuleMatcher(configuration)
    let targets = index.linears.filter { matcher.isTarget($0.name) }
    let saved = index.entries.filter { matcher.isSaved(parameter: $0.modulePath) }
    guard !targets.isEmpty || (configuration.targets == nil && !saved.isEmpty) else {
      throw .noTargets(
        source: source, targets: Self.describe(configuration.targets),
        examples: Array(index.linears.suffix(3).map(\.name)))
    }
    for linear in targets {
      let rank = matcher.rank(linear.name)
      func parameter(_ suffix: String, _ shape: Shape) throws(AdapterError) -> Parameter {
        let key = Self.prefix + linear.name + suffix
        return Parameter(name: key, try value(key, shape) ?? Tensor(repeating: 0, shape))
      }
      let term = LowRankAdapter(
        a: try parameter(".lora_A.weight", [rank, linear.inputs]),
        b: try parameter(".lora_B.weight", [linear.outputs, rank]),
        bias: configuration.hasLoRABias
          ? try parameter(".lora_B.bias", [linear.outputs]) : nil,
        scale: configuration.scale(rank: rank, alpha: matcher.alpha(linear.name)),
        dropout: configuration.dropout, modalities: modalities)
      terms.append((linear, term))
    }
    var replacements: [Tensor] = []
    for entry in index.entries {
      let isBias = entry.modulePath.hasSuffix(".bias")
      let module = String(entry.modulePath.dropLast(5))
      let isAdapted = isBias && targets.contains { $0.name == module }
      let trainsBias =
        isBias && (configuration.bias == .all || configuration.bias == .loraOnly && isAdapted)
      guard trainsBias || matcher.isSaved(parameter: entry.modulePath) else { continue }
      let key =
        Self.prefix + (trainsBias && isAdapted ? module + ".base_layer.bias" : entry.modulePath)
      let original = entry.parameter.variable.value
      replacements.append(try value(key, entry.parameter.shape) ?? original)
      replaced.append((entry.modulePath, key, entry.parameter, original))
    }
    // Nothing throws from here on: the model is changed as a whole or not at all.
    for (entry, value) in zip(replaced, replacements) { entry.parameter.replace(with: value) }
    for (linear, term) in terms { linear.adapters.append(term) }
  }

  /// The trainable parameters under the names that they have in the file.
  public var parameters: [(name: String, parameter: Parameter)] {
    terms.flatMap { _, term in
      [(term.a.name, term.a), (term.b.name, term.b)] + (term.bias.map { [($0.name, $0)] } ?? [])
    } + replaced.map { ($0.key, $0.parameter) }
  }

  /// Takes the adapter off the model and puts back what it replaced.
  public func detach() {
    for (linear, term) in terms { linear.adapters.removeAll { $0 === term } }
    for entry in replaced {
      entry.parameter.isTrainable = false
      entry.parameter.replace(with: entry.original)
    }
  }

  /// Folds the low-rank terms into the weights and takes the adapter off; replaced modules stay.
  ///
  /// - Throws: `AdapterError.cannotMerge` if it acts on some rows of a layer only, or has a bias where
  ///   the layer has none.
  public func merge() throws(AdapterError) {
    for (linear, term) in terms {
      if term.modalities != nil {
        throw .cannotMerge(
          reason:
            "adapter \(name) acts on the rows of some modalities only, and a weight acts on all")
      }
      if term.bias != nil, linear.bias == nil {
        throw .cannotMerge(reason: "\(linear.name) has no bias to fold lora_bias into")
      }
    }
    for (linear, term) in terms {
      linear.weight.replace(with: Kernels.add(linear.weight.variable.value, term.delta))
      if let bias = term.bias, let target = linear.bias {
        var sum = target.variable.value
        Kernels.accumulate(bias.variable.value, scale: term.scale, into: &sum)
        target.replace(with: sum)
      }
      linear.adapters.removeAll { $0 === term }
    }
  }

  /// Writes `adapter_config.json` and `adapter_model.safetensors`, which PEFT opens.
  public func save(to directory: String) throws {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    try SafetensorsFile.write(
      parameters.map { ($0.name, $0.parameter.stored) },
      to: directory + "/adapter_model.safetensors")
    try AtomicFile.write(configuration.jsonText, to: directory + "/adapter_config.json")
  }

  private var nonFiniteParameter: String? {
    parameters.first { !Kernels.isFinite($0.parameter.variable.value) }?.name
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
