// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetAutograd
internal import LorikeetCheckpoints
public import LorikeetLayers
internal import LorikeetTensors

/// LoRA and DoRA adapters as mlx-lm and mlx-vlm keep them: `adapter_config.json` with `lora_parameters`,
/// and `adapters.safetensors` with `NAME.lora_a` `[in, r]`, `NAME.lora_b` `[r, out]` and, with DoRA,
/// `NAME.m` `[out]`.
///
/// There is one rank and one scale for all modules, and the scale is what B A is multiplied by. Modules
/// have the names of the checkpoint. Adapters of older versions of mlx-vlm, whose tensors are `A` and `B`,
/// are read too.
public enum MLXAdapter {
  static let weightsFile = "adapters.safetensors"

  /// Whether `adapter_config.json` is one of MLX.
  public static func isFound(in directory: String) -> Bool {
    guard let file = try? ConfigurationFile(path: directory + "/adapter_config.json") else {
      return false
    }
    return !file.contains("peft_type")
      && ["lora_parameters", "fine_tune_type", "rank"].contains(where: file.contains)
  }

  /// The settings of an adapter that is read.
  private struct Settings {
    let usesDoRA: Bool
    let rank: Int
    let scale: Float
    let dropout: Float
    let keys: [String]
    let model: String?

    init(_ file: ConfigurationFile) throws(AdapterError) {
      let kind = try file.value("fine_tune_type", String.self, default: "lora")
      guard ["lora", "dora"].contains(kind) else {
        throw file.failure("key fine_tune_type: \(kind) is not supported; supported: lora, dora")
      }
      usesDoRA = kind == "dora"
      let isOld = !file.contains("lora_parameters")
      let own = isOld ? file : try file.object("lora_parameters")
      for key in ["rank", isOld ? "alpha" : "scale"] where !own.contains(key) {
        throw file.failure("key \(isOld ? key : "lora_parameters." + key) is missing")
      }
      rank = try own.value("rank", Int.self, default: 0)
      scale = Float(try own.number(isOld ? "alpha" : "scale", default: 0))
      dropout = Float(try own.number("dropout", default: 0))
      keys = try own.strings("keys")
      model = try file.value("model", String?.self, default: nil)
      guard rank > 0, rank <= 1 << 16, scale.isFinite, dropout >= 0, dropout < 1 else {
        throw file.failure("rank must be positive and dropout in 0 ..< 1")
      }
    }

    var base: LoRAConfiguration {
      var c = LoRAConfiguration()
      (c.rank, c.alpha, c.dropout) = (rank, Double(scale) * Double(rank), dropout)
      (c.usesDoRA, c.baseModel) = (usesDoRA, model)
      return c
    }
  }

  /// What an adapter says of itself, without a model: modules under the names of the file.
  ///
  /// - Throws: `AdapterError` naming the file and the key; errors of the file with the tensors.
  public static func configuration(
    _ directory: String
  ) throws -> (configuration: any AdapterConfiguration, weights: String) {
    let settings = try Settings(ConfigurationFile(path: directory + "/adapter_config.json"))
    let path = directory + "/" + weightsFile
    let names = try SafetensorsFile(path: path).names.compactMap { split($0) }
    var configuration = settings.base
    configuration.targets = .names(names.filter { $0.part == .a }.map(\.module))
    return (configuration, path)
  }

  private enum Part: String {
    case a, b, m
  }

  /// The module and the part of it that a tensor is; nil for another tensor.
  private static func split(_ name: String) -> (module: String, part: Part)? {
    let endings: [(String, Part)] = [
      (".lora_a", .a), (".lora_b", .b), (".A", .a), (".B", .b), (".m", .m),
    ]
    guard let (ending, part) = endings.first(where: { name.hasSuffix($0.0) }) else { return nil }
    return (String(name.dropLast(ending.count)), part)
  }

  /// Reads an adapter for a model.
  ///
  /// - Throws: `AdapterError` naming the file and what is missing, has no place, or has another shape.
  static func read(_ directory: String, for index: ModuleIndex) throws -> LoRAWeights {
    let source = try ConfigurationFile(path: directory + "/adapter_config.json")
    let settings = try Settings(source)
    let path = directory + "/" + weightsFile
    let file = try SafetensorsFile(path: path)
    var order: [String] = []
    var parts: [String: [Part: StoredTensor]] = [:]
    var strays: [String] = []
    let places = places(of: index)
    for name in file.names {
      guard let (module, part) = split(name), places[module] != nil, let tensor = file[name] else {
        strays.append(name)
        continue
      }
      if parts[module] == nil { order.append(module) }
      parts[module, default: [:]][part] = tensor
    }
    guard strays.isEmpty else { throw AdapterError.unexpected(path: path, names: strays) }
    guard !order.isEmpty else {
      throw AdapterError.noTargets(
        source: path, targets: "(none)", examples: Array(index.linears.suffix(3).map(\.name)))
    }
    if let key = settings.keys.first(where: { key in
      !order.contains { $0 == key || $0.hasSuffix("." + key) }
    }) {
      throw source.failure("key lora_parameters.keys: \(key) has no tensors in \(weightsFile)")
    }
    let modules = try order.compactMap { name -> LoRAWeights.Module? in
      guard let place = places[name] else { return nil }
      func tensor(_ part: Part, _ shape: Shape) throws(AdapterError) -> Tensor {
        let ending =
          file[name + ".A"] == nil
          ? [Part.a: ".lora_a", .b: ".lora_b", .m: ".m"]
          : [
            .a: ".A", .b: ".B", .m: ".m",
          ]
        let full = name + (ending[part] ?? "")
        guard let stored = parts[name]?[part] else {
          throw .missing(path: path, names: [full])
        }
        guard stored.shape == shape, stored.dtype.isFloatingPoint else {
          throw .misshapen(
            path: path, name: full, found: "\(stored.dtype.rawValue) \(stored.shape)",
            expected: "real numbers \(shape)")
        }
        return stored.tensor()
      }
      if place.isEmbedding, settings.usesDoRA || place.isTied {
        throw AdapterError.cannotAttach(
          source: path,
          reason: settings.usesDoRA
            ? "\(name): MLX's DoRA has a norm for each token here, which is not supported"
            : "\(name) is also the model's head, which MLX adapts along with it: not supported")
      }
      return LoRAWeights.Module(
        name: place.name, isEmbedding: place.isEmbedding,
        a: Kernels.transposed(try tensor(.a, [place.inputs, settings.rank])),
        b: Kernels.transposed(try tensor(.b, [settings.rank, place.outputs])),
        scale: settings.scale, magnitude: settings.usesDoRA ? try tensor(.m, [place.outputs]) : nil)
    }
    return LoRAWeights(modules, settings: settings.base)
  }

  /// A module that MLX may adapt.
  private struct Place {
    let name: String
    let stored: String
    let inputs: Int
    let outputs: Int
    let isEmbedding: Bool
    let isTied: Bool
  }

  private static func all(_ index: ModuleIndex) -> [Place] {
    func stored(_ parameter: Parameter, _ name: String) -> String {
      parameter.name.hasSuffix(".weight") ? String(parameter.name.dropLast(7)) : name
    }
    return index.adaptable.filter { !$0.isTied }.map {
      Place(
        name: $0.name, stored: stored($0.weight, $0.name), inputs: $0.inputs, outputs: $0.outputs,
        isEmbedding: false, isTied: false)
    }
      + index.embeddings.map {
        Place(
          name: $0.name, stored: stored($0.weight, $0.name), inputs: $0.count, outputs: $0.width,
          isEmbedding: true, isTied: $0.isTied)
      }
  }

  /// The modules of a model by their names in the checkpoint and in the module tree.
  private static func places(of index: ModuleIndex) -> [String: Place] {
    let all = all(index)
    return Dictionary(all.map { ($0.stored, $0) } + all.map { ($0.name, $0) }) { first, _ in first }
  }

  /// Writes an adapter that MLX opens.
  ///
  /// Scales that differ go into B, and ranks that differ are filled up with zeros.
  ///
  /// - Throws: `AdapterError.cannotConvert` naming what MLX has no place for; errors of the files.
  public static func write(
    _ weights: LoRAWeights, for index: ModuleIndex, to directory: String
  ) throws {
    func refuse(_ reason: String) -> AdapterError {
      .cannotConvert(source: directory, reason: reason)
    }
    try weights.requireNothingKept(by: "MLX", source: directory)
    let isDoRA = weights.isDoRA
    if !isDoRA, let module = weights.modules.first(where: { $0.magnitude != nil }) {
      throw refuse("\(module.name) is DoRA and others are not")
    }
    let places = Dictionary(all(index).map { ($0.name, $0) }) { first, _ in first }
    let rank = weights.modules.map(\.rank).max() ?? 1
    let scale = weights.modules.map(\.scale).first { $0 != 0 } ?? 1
    var tensors: [(name: String, tensor: StoredTensor)] = []
    for module in weights.modules {
      guard let place = places[module.name] else {
        throw refuse("\(module.name) shares its weight with the embeddings")
      }
      if place.isEmbedding, isDoRA || place.isTied {
        throw refuse(
          "\(module.name): " + (isDoRA ? "DoRA on embeddings" : "embeddings that are also the head")
            + " MLX takes for something else")
      }
      var b = module.b
      if module.scale != scale { Kernels.scale(&b, by: module.scale / scale) }
      let missing = rank - module.rank
      let a = Kernels.joinColumns([
        Kernels.transposed(module.a), Tensor(repeating: 0, [module.a.width, missing]),
      ])
      let filled = Kernels.joinColumns([b, Tensor(repeating: 0, [b.rows, missing])])
      tensors.append((place.stored + ".lora_a", StoredTensor(a)))
      tensors.append((place.stored + ".lora_b", StoredTensor(Kernels.transposed(filled))))
      if let magnitude = module.magnitude {
        tensors.append((place.stored + ".m", StoredTensor(magnitude)))
      }
    }
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try SafetensorsFile.write(
      tensors, metadata: ["format": "mlx"], to: directory + "/" + weightsFile)
    let names = weights.modules.compactMap { places[$0.name]?.stored }
    let (keys, layers) = keys(names, index)
    let configuration: JSONValue = [
      "fine_tune_type": .string(isDoRA ? "dora" : "lora"),
      "lora_parameters": [
        "dropout": .number(Double(weights.dropout)), "keys": .array(keys.map(JSONValue.string)),
        "rank": .integer(rank), "scale": .number(Double("\(scale)") ?? Double(scale)),
      ],
      "model": weights.baseModel.map(JSONValue.string) ?? .null,
      "num_layers": .integer(layers),
    ]
    try AtomicFile.write(configuration.text, to: directory + "/adapter_config.json")
  }

  /// The names as `lora_parameters.keys` has them, and how many of the last layers they are in.
  ///
  /// mlx-lm takes names within a layer, and full names for what is outside of the layers. Models with
  /// other parts than a text decoder belong to mlx-vlm, which takes full names.
  private static func keys(_ names: [String], _ index: ModuleIndex) -> (keys: [String], layers: Int)
  {
    func split(_ name: String) -> (layer: Int, rest: String)? {
      let parts = name.split(separator: ".", maxSplits: 3, omittingEmptySubsequences: false)
      guard parts.count == 4, parts[0] == "model", parts[1] == "layers", let layer = Int(parts[2])
      else { return nil }
      return (layer, String(parts[3]))
    }
    let all = index.linears.compactMap { split($0.name)?.layer }
    guard let last = all.max() else { return (names, -1) }
    var keys: [String] = []
    for name in names.map({ split($0)?.rest ?? $0 }) where !keys.contains(name) {
      keys.append(name)
    }
    return (keys, last + 1 - (names.compactMap { split($0)?.layer }.min() ?? last + 1))
  }
}

extension LoRAWeights {
  /// - Throws: `AdapterError.cannotConvert` if there is more than terms, for which another format has no
  ///   place.
  package func requireNothingKept(by format: String, source: String) throws(AdapterError) {
    if let first = kept.first {
      throw .cannotConvert(
        source: source,
        reason:
          "the adapter also holds \(kept.count) whole tensor\(kept.count == 1 ? "" : "s") of the "
          + "model (\(first.name)), for which \(format) has no place; merge it instead")
    }
    if let module = modules.first(where: { $0.bias != nil }) {
      throw .cannotConvert(
        source: source,
        reason: "\(module.name) has a bias of its own, for which \(format) has no place")
    }
  }
}
