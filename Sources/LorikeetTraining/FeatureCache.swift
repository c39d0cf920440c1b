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

  /// What is kept under a name; nil if there is nothing that can be used.
  func load(_ name: String) -> VisualFeatures? {
    let path = path(name)
    guard FileManager.default.fileExists(atPath: path),
      let file = try? SafetensorsFile(path: path), let features = file["features"],
      let positions = file["positions"], let newlines = file["newlines"],
      let layout = file["layout"], let tiles = file["tiles"],
      features.dtype == .float32, features.shape.rank == 2,
      newlines.dtype == .int64, positions.dtype == .int64,
      positions.shape.count == features.shape.rows + newlines.shape.count,
      layout.dtype == .int64, layout.shape.count == 3, tiles.dtype == .int64,
      Self.isUsable(tiles: tiles.integers(), rows: features.shape.rows)
    else { return nil }
    let numbers = layout.integers()
    return VisualFeatures(
      features: Variable(features.tensor()), newlines: newlines.integers(),
      positions: positions.integers(), total: numbers[0],
      grid: (numbers[1], numbers[2]),
      tiles: tiles.shape.count > 0 ? Self.tiles(tiles.integers(), numbers[0]) : nil)
  }

  /// Whether tiles are absent, or as many as their grid says with the whole picture, one behind the
  /// other up to the last row.
  private static func isUsable(tiles numbers: [Int], rows: Int) -> Bool {
    guard !numbers.isEmpty else { return true }
    guard numbers.count > 2, numbers.allSatisfy({ 0...rows ~= $0 }) else { return false }
    let ends = numbers[2...]
    return numbers[0] * numbers[1] + 1 == ends.count && ends.last == rows
      && zip(ends, ends.dropFirst()).allSatisfy(<=)
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
    let tiles = features.tiles.map { [$0.rows, $0.columns] + $0.ends } ?? []
    try SafetensorsFile.write(
      [
        ("features", StoredTensor(features.features.value)),
        ("newlines", StoredTensor(integers: features.newlines, [features.newlines.count])),
        ("positions", StoredTensor(integers: features.positions, [features.positions.count])),
        (
          "layout",
          StoredTensor(
            integers: [features.total, features.grid.rows, features.grid.columns], [3])
        ), ("tiles", StoredTensor(integers: tiles, [tiles.count])),
      ], to: path)
  }
}

extension SHA256 {
  /// Adds a text and its length, so that texts in a row cannot be mistaken for others.
  fileprivate mutating func update(_ text: String) {
    update(data: Data("\(text.utf8.count):\(text)".utf8))
  }
}
