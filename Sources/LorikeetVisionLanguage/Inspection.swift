// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetAdapters
internal import LorikeetCheckpoints
internal import LorikeetTensors

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
    case model(type: String)
    case adapter(name: String, any AdapterConfiguration)
  }
  public let path: String
  public let kind: Kind
  public let parts: [Part]

  /// Looks at a model directory, or at the adapters of an adapter directory.
  ///
  /// - Throws: an error naming the file if the directory is neither.
  public static func all(of path: String) throws -> [Inspection] {
    let manager = FileManager.default
    func exists(_ name: String) -> Bool { manager.fileExists(atPath: path + "/" + name) }
    if exists("adapter_config.json") { return [try adapter(path, name: "default")] }
    if exists("adapter_routing.json") {
      let routing = try JSONFile.decode(
        AdapterRouting.self, from: path + "/adapter_routing.json")
      return try routing.names.map { try adapter(path + "/" + $0, name: $0) }
    }
    let type = try JSONFile.decode(ModelType.self, from: path + "/config.json").name
    return [
      Inspection(
        path: path, kind: .model(type: type), parts: parts(of: try Checkpoint(directory: path)))
    ]
  }

  private static func adapter(_ path: String, name: String) throws -> Inspection {
    let configuration = try AdapterMethods.configuration(path: path + "/adapter_config.json")
    let checkpoint = try Checkpoint(file: path + "/adapter_model.safetensors")
    return Inspection(
      path: path, kind: .adapter(name: name, configuration), parts: parts(of: checkpoint))
  }

  private static func parts(of checkpoint: Checkpoint) -> [Part] {
    let titles = [
      ("multi_modal_projector", "projector"), ("connector.", "projector"),
      ("visual.merger", "projector"), ("vision_tower", "encoder"), ("vision_model", "encoder"),
      ("visual.", "encoder"), ("encoder.layer", "encoder"), ("embeddings.", "encoder"),
    ]
    let groups = Dictionary(grouping: checkpoint.names) { name in
      titles.first { name.contains($0.0) }?.1 ?? "decoder"
    }
    return ["encoder", "projector", "decoder"].compactMap { title in
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
