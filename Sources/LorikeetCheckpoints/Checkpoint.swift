// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetTensors

/// The weights of a model: the tensors of one safetensors file, or of several taken together.
public struct Checkpoint: Sendable {
  /// The directory or file that the weights come from, for messages.
  public let source: String
  private var tensors: [String: StoredTensor] = [:]

  /// The weights of a model directory: `model.safetensors`, or the shards that
  /// `model.safetensors.index.json` lists.
  ///
  /// - Throws: `CheckpointError` if there are no weights, a shard is missing, or a file is malformed.
  public init(directory: String) throws(CheckpointError) {
    let single = directory + "/model.safetensors"
    let index = directory + "/model.safetensors.index.json"
    if FileManager.default.fileExists(atPath: single) {
      try self.init(file: single)
    } else if FileManager.default.fileExists(atPath: index) {
      try self.init(index: index, in: directory)
    } else {
      let reason =
        FileManager.default.fileExists(atPath: directory)
        ? "holds neither model.safetensors nor model.safetensors.index.json"
        : "there is no such directory"
      throw .file(FileError(path: directory, reason: reason))
    }
  }

  /// The weights in one safetensors file.
  public init(file: String) throws(CheckpointError) {
    try self.init(files: [file], source: file)
  }

  /// The weights in several safetensors files; no name may occur in two of them.
  public init(files paths: [String], source: String) throws(CheckpointError) {
    self.source = source
    for path in paths {
      let file = try SafetensorsFile(path: path)
      for name in file.names {
        guard tensors[name] == nil else {
          throw .malformed(path: path, tensor: name, reason: "is in another file of \(source) too")
        }
        tensors[name] = file[name]
      }
    }
    try NormalFloat4Tensors.join(&tensors, source: source)
  }

  /// Tensors that are in memory already.
  public init(_ tensors: [String: StoredTensor], source: String) {
    self.source = source
    self.tensors = tensors
  }

  private init(index: String, in directory: String) throws(CheckpointError) {
    struct Index: Decodable {
      let weightMap: [String: String]

      enum CodingKeys: String, CodingKey {
        case weightMap = "weight_map"
      }
    }
    let map = try JSONFile.decode(Index.self, from: index).weightMap
    let shards = Set(map.values).sorted()
    for shard in shards where shard.isEmpty || shard.contains("/") {
      throw .configuration(
        path: index, key: "weight_map", reason: "names \(shard), which is not a file beside it")
    }
    try self.init(files: shards.map { directory + "/" + $0 }, source: directory)
    for name in map.keys.sorted() where tensors[name] == nil && !isPart(name) {
      throw .configuration(
        path: index, key: "weight_map", reason: "lists \(name), which no shard holds")
    }
  }

  /// Whether a name belongs to a quantised weight, which has become one tensor.
  private func isPart(_ name: String) -> Bool {
    tensors.contains { $0.value.dtype == .nf4 && name.hasPrefix($0.key + ".") }
  }

  /// The names of the tensors, sorted.
  public var names: [String] { tensors.keys.sorted() }

  /// A tensor by its name.
  public subscript(name: String) -> StoredTensor? { tensors[name] }
}
