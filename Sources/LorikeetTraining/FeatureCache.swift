// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import Foundation
internal import LorikeetAutograd
internal import LorikeetCheckpoints
internal import LorikeetImages
internal import LorikeetLayers
internal import LorikeetTensors
package import LorikeetVisionLanguage

/// Where the features of a frozen encoder are kept.
public enum FeatureCacheKind: String, Sendable, Codable {
  /// Pictures are encoded each time they are seen.
  case none
  case memory
  case disk

  /// Also `true` and `false`, for memory and none.
  public init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    let name = try value.decode(String.self)
    switch name {
    case "true": self = .memory
    case "false": self = .none
    default:
      guard let kind = FeatureCacheKind(rawValue: name) else {
        throw DecodingError.dataCorruptedError(
          in: value, debugDescription: "\(name) is not none, memory or disk")
      }
      self = kind
    }
  }
}

/// Features of pictures on disk, a safetensors file each.
///
/// A file is named by the SHA-256 of everything that its content depends on: the encoder's weights,
/// the feature layers, the preprocessing, the pruning, and the bytes of the picture. So runs share a
/// cache, and nothing in it is ever out of date.
package struct FeatureCache {
  package let directory: String
  private let model: SHA256

  /// Raised when the encoder's arithmetic changes.
  private static let version = "2"

  package init(directory: String, _ pipeline: Pipeline) throws {
    self.directory = directory
    var hash = SHA256()
    hash.update(Self.version)
    if let processor = pipeline.processor.imageProcessor { hash.update(processor.fingerprint) }
    hash.update("\(pipeline.pruning.map { "\($0)" } ?? "whole")")
    hash.update(pipeline.model.vision?.featureDescription ?? "")
    for entry in pipeline.model.index.entries
    where pipeline.model.part(of: entry.modulePath) == .encoder {
      let stored = entry.parameter.stored
      hash.update("\(entry.parameter.name) \(stored.dtype.rawValue) \(stored.shape)")
      stored.withBytes { hash.update(bufferPointer: $0) }
    }
    model = hash
  }

  /// The name of the features of a picture; nil if the file cannot be read.
  ///
  /// - Parameter view: tells apart versions of one picture.
  func name(picture path: String, view: String) -> String? {
    guard let bytes = FileManager.default.contents(atPath: path) else { return nil }
    var hash = model
    hash.update(view)
    hash.update(data: bytes)
    return hash.finalize().map { byte in
      let digits = String(byte, radix: 16)
      return byte < 16 ? "0" + digits : digits
    }.joined()
  }

  private func path(_ name: String) -> String {
    "\(directory)/\(name.prefix(2))/\(name).safetensors"
  }

  /// What is kept under a name; nil if there is nothing that can be used: no file, one that lacks
  /// something, or one whose content is not what was stored under this name.
  func load(_ name: String) -> VisualFeatures? {
    let path = path(name)
    guard FileManager.default.fileExists(atPath: path),
      let file = try? SafetensorsFile(path: path)
    else { return nil }
    let stored = Self.names.compactMap { name in file[name].map { (name, $0) } }
    guard stored.count == Self.names.count, let checksum = file[Self.checksum],
      checksum.dtype == .int64, checksum.integers() == Self.checksum(of: stored, name)
    else { return nil }
    let numbers = Dictionary(
      uniqueKeysWithValues: stored.dropFirst().map { ($0.0, $0.1.integers()) })
    guard let newlines = numbers["newlines"], let positions = numbers["positions"],
      let layout = numbers["layout"], let tiles = numbers["tiles"], layout.count == 3
    else { return nil }
    return VisualFeatures(
      features: Variable(stored[0].1.tensor()), newlines: newlines, positions: positions,
      total: layout[0], grid: (layout[1], layout[2]),
      tiles: tiles.isEmpty ? nil : Self.tiles(tiles, layout[0]))
  }

  private static let names = ["features", "newlines", "positions", "layout", "tiles"]
  private static let checksum = "checksum"

  /// The SHA-256 of a name and of the tensors that are kept under it.
  private static func checksum(of tensors: [(String, StoredTensor)], _ name: String) -> [Int] {
    var hash = SHA256()
    hash.update(name)
    for (name, tensor) in tensors {
      hash.update("\(name) \(tensor.dtype.rawValue) \(tensor.shape)")
      tensor.withBytes { hash.update(bufferPointer: $0) }
    }
    return hash.finalize().map { Int($0) }
  }

  private static func tiles(_ numbers: [Int], _ total: Int) -> VisualFeatures.Tiles {
    VisualFeatures.Tiles(
      rows: numbers[0], columns: numbers[1], ends: Array(numbers[2...]),
      each: total / (numbers.count - 2))
  }

  /// Keeps features under a name.
  func store(_ features: VisualFeatures, _ name: String) throws {
    let path = path(name)
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    let layout = [features.total, features.grid.rows, features.grid.columns]
    let tiles = features.tiles.map { [$0.rows, $0.columns] + $0.ends } ?? []
    let tensors =
      [("features", StoredTensor(features.features.value))]
      + [
        ("newlines", features.newlines), ("positions", features.positions), ("layout", layout),
        ("tiles", tiles),
      ].map { ($0, StoredTensor(integers: $1, [$1.count])) }
    let checksum = Self.checksum(of: tensors, name)
    try SafetensorsFile.write(
      tensors + [(Self.checksum, StoredTensor(integers: checksum, [checksum.count]))], to: path)
  }
}

extension SHA256 {
  /// Adds a text and its length, so that texts in a row cannot be mistaken for others.
  fileprivate mutating func update(_ text: String) {
    update(data: Data("\(text.utf8.count):\(text)".utf8))
  }
}
