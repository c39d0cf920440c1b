// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetTensors

/// The weights of a model: one safetensors file, or the shards that an index lists.
public struct Checkpoint: Sendable {
  /// The file or directory, for messages.
  public let source: String
  private let tensors: [String: StoredTensor]

  /// Reads `model.safetensors`, or the shards of `model.safetensors.index.json`.
  ///
  /// - Throws: `CheckpointError` if there is neither, or a shard is missing or malformed.
  public init(directory: String) throws(CheckpointError) {
    let single = directory + "/model.safetensors"
    let index = directory + "/model.safetensors.index.json"
    if FileManager.default.fileExists(atPath: single) {
      try self.init(file: single)
      return
    }
    guard let data = FileManager.default.contents(atPath: index) else {
      throw .malformed(
        path: directory, reason: "no model.safetensors and no model.safetensors.index.json in it")
    }
    guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
      let map = object["weight_map"] as? [String: String]
    else { throw .malformed(path: index, reason: "not a JSON object with a weight_map") }
    var tensors: [String: StoredTensor] = [:]
    for shard in Set(map.values).sorted() {
      guard !shard.contains("/"), shard != "..", !shard.isEmpty else {
        throw .malformed(path: index, reason: "the shard \(shard) is not a file name")
      }
      let file = try SafetensorsFile(path: directory + "/" + shard)
      for name in file.names where map[name] == shard { tensors[name] = file[name] }
    }
    if let name = map.keys.sorted().first(where: { tensors[$0] == nil }) {
      throw .malformed(path: index, reason: "tensor \(name) is not in its shard")
    }
    self.init(source: directory, tensors: tensors)
  }

  private init(source: String, tensors: [String: StoredTensor]) {
    self.source = source
    self.tensors = tensors
  }

  /// Reads one safetensors file.
  public init(file path: String) throws(CheckpointError) {
    let file = try SafetensorsFile(path: path)
    self.init(
      source: path,
      tensors: Dictionary(
        uniqueKeysWithValues: file.names.compactMap { name in file[name].map { (name, $0) } }))
  }

  /// All names, sorted.
  public var names: [String] { tensors.keys.sorted() }

  public subscript(name: String) -> StoredTensor? { tensors[name] }
}
