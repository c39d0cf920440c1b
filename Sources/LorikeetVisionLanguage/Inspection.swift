// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetAdapters
internal import LorikeetCheckpoints
internal import LorikeetLayers
internal import LorikeetTensors
internal import LorikeetTextDecoders
internal import LorikeetVisionEncoders

/// What a model or adapter directory is, without building the model.
public struct Inspection: Sendable {
  /// Tensors that belong together.
  public struct Part: Sendable, Equatable {
    public let name: String
    public let tensors: Int
    public let values: Int
    /// Values by stored type, as "F32".
    public let types: [String: Int]
  }
  public enum Kind: Sendable {
    /// A model of this `model_type`; of a model of several parts also theirs, by part.
    case model(type: String, parts: [(part: String, type: String)])
    case adapter(name: String, any AdapterConfiguration)
  }
  public let path: String
  public let kind: Kind
  public let parts: [Part]

  /// The values of all parts.
  public var values: Int { parts.reduce(0) { $0 + $1.values } }

  /// Looks at a model directory, or at the adapters of an adapter directory.
  ///
  /// - Throws: an error naming the file if the directory is neither.
  public static func all(of path: String) throws -> [Inspection] {
    let manager = FileManager.default
    func exists(_ name: String) -> Bool { manager.fileExists(atPath: path + "/" + name) }
    if exists("adapter_config.json") || !exists("adapter_routing.json") && !exists("config.json") {
      let found = try AdapterSelection(directory: path).candidates()
      if found.contains(where: { $0.directory != path }) || exists("adapter_config.json") {
        return try found.map { try adapter($0.directory, name: $0.name) }
      }
    }
    if exists("adapter_routing.json") {
      let routing = try JSONFile.decode(
        AdapterRouting.self, from: path + "/adapter_routing.json")
      return try routing.names.map { try adapter(path + "/" + $0, name: $0) }
    }
    return [try model(path)]
  }

  private static func model(_ path: String) throws -> Inspection {
    let file = path + "/config.json"
    let type = try JSONFile.decode(ModelType.self, from: file).name
    let configuration = try JSONFile.value(from: file)
    let layout = Layout(modelType: type)
    let inner = [("encoder", "vision_config"), ("decoder", "text_config")].compactMap {
      (part, key) -> (String, String)? in
      guard layout == .several, case .string(let type)? = configuration[key]?["model_type"] else {
        return nil
      }
      return (part, type)
    }
    let parts = parts(of: try Checkpoint(directory: path), layout.part)
    return Inspection(path: path, kind: .model(type: type, parts: inner), parts: parts)
  }

  private static func adapter(_ path: String, name: String) throws -> Inspection {
    var (configuration, weights): (any AdapterConfiguration, String)
    if MLXAdapter.isFound(in: path) {
      (configuration, weights) = try MLXAdapter.configuration(path)
    } else {
      configuration = try AdapterMethods.configuration(path: path + "/adapter_config.json")
      weights = path + "/adapter_model.safetensors"
    }
    let checkpoint = try Checkpoint(file: weights)
    return Inspection(
      path: path, kind: .adapter(name: name, configuration),
      parts: parts(of: checkpoint, Layout.several.part))
  }

  private static func parts(
    of checkpoint: Checkpoint, _ part: (String) -> String
  ) -> [Part] {
    let groups = Dictionary(grouping: checkpoint.names, by: part)
    return Layout.parts.compactMap { title in
      guard let names = groups[title] else { return nil }
      var types: [String: Int] = [:]
      for name in names {
        guard let tensor = checkpoint[name] else { continue }
        types[tensor.dtype.rawValue, default: 0] += tensor.shape.count
      }
      return Part(
        name: title, tensors: names.count, values: types.values.reduce(0, +), types: types)
    }
  }
}

/// How a checkpoint's tensors fall into parts.
private enum Layout {
  case encoder
  case decoder
  case dual
  case several

  static let parts = ["encoder", "projector", "decoder", "text encoder"]

  init(modelType: String) {
    if VisionLanguageConfiguration.families.modelTypes.contains(modelType) {
      self = .several
    } else if DualEncoderConfiguration.families.modelTypes.contains(modelType) {
      self = .dual
    } else {
      self = VisionEncoderFamilies.all.modelTypes.contains(modelType) ? .encoder : .decoder
    }
  }

  private static let projectors = [
    "multi_modal_projector", "connector", "visual.merger", "image_newline", "visual_projection",
    "text_projection",
    "logit_scale", "logit_bias",
  ]
  private static let encoders = ["vision_tower", "vision_model", "visual.", "encoder.layer"]

  /// The part that a tensor belongs to.
  func part(_ name: String) -> String {
    func holds(_ marks: [String]) -> Bool { marks.contains { name.contains($0) } }
    switch self {
    case .encoder: return "encoder"
    case .decoder: return "decoder"
    case .dual, .several:
      if holds(Self.projectors) { return "projector" }
      if holds(Self.encoders) { return "encoder" }
      return self == .dual ? "text encoder" : "decoder"
    }
  }
}
