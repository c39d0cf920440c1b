// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
internal import LorikeetDatasets
internal import LorikeetImages
internal import LorikeetTensors
internal import LorikeetVisionLanguage

/// The visual tokens of pictures under one pruning method: encoded once, kept as far as memory goes.
final class PictureFeatures {
  /// What the encoder has taken, in seconds, and for how many pictures.
  private(set) var encoding = (seconds: 0.0, pictures: 0)
  /// Tokens of the pictures that were encoded, after pruning and before.
  private(set) var tokens = (kept: 0, total: 0)
  private let pipeline: Pipeline
  private let paths: [String]
  private let seed: UInt64
  private let limit: Int
  private var kept: [Int: VisualFeatures] = [:]
  private var bytes = 0

  init(_ pipeline: Pipeline, paths: [String], seed: UInt64, limit: Int) {
    self.pipeline = pipeline
    self.paths = paths
    self.seed = seed
    self.limit = limit
  }

  /// Reads and encodes pictures, as many as there is room for; the rest is read only, to see whether
  /// it can be.
  ///
  /// - Parameters:
  ///   - pictures: those to go through.
  ///   - progress: told how many more are done.
  /// - Returns: the pictures that cannot be read, with the reason.
  func prepare(
    _ pictures: [Int], isStrict: Bool, progress: (Int) -> Void
  ) throws -> [Int: String] {
    var failures: [Int: String] = [:]
    var start = 0
    while start < pictures.count {
      let batch = pictures[start..<min(start + Pipeline.picturesPerBatch, pictures.count)]
      start += batch.count
      var opened: [(picture: Int, pixels: PicturePixels)] = []
      for picture in batch {
        do {
          opened.append((picture, try read(picture)))
        } catch let error as ImageError where !isStrict {
          failures[picture] = "\(error)"
        }
      }
      if bytes < limit { _ = try encode(opened) }
      progress(batch.count)
    }
    return failures
  }

  /// The tokens of pictures.
  func features(_ pictures: [Int]) throws -> [Int: VisualFeatures] {
    var found: [Int: VisualFeatures] = [:]
    for picture in pictures { found[picture] = kept[picture] }
    let rest = Set(pictures).filter { found[$0] == nil }.sorted()
    for start in stride(from: 0, to: rest.count, by: Pipeline.picturesPerBatch) {
      let batch = rest[start..<min(start + Pipeline.picturesPerBatch, rest.count)]
      let opened = try batch.map { (picture: $0, pixels: try read($0)) }
      found.merge(try encode(opened)) { _, new in new }
    }
    return found
  }

  private func read(_ picture: Int) throws -> PicturePixels {
    let path = paths[picture]
    return try pipeline.processor.pixels(Image(contentsOf: path), name: path)
  }

  private func encode(
    _ opened: [(picture: Int, pixels: PicturePixels)]
  ) throws -> [Int: VisualFeatures] {
    guard !opened.isEmpty else { return [:] }
    let seeds = opened.map { item in
      var random = RandomStream.derive(seed: seed, label: "prune " + paths[item.picture])
      return random.next()
    }
    var results: [VisualFeatures] = []
    encoding.seconds += try Stopwatch.seconds {
      results = try pipeline.features(of: opened.map(\.pixels), seeds: seeds)
    }
    encoding.pictures += opened.count
    for (item, result) in zip(opened, results) {
      tokens.kept += result.positions.count
      tokens.total += result.total
      guard bytes < limit else { continue }
      kept[item.picture] = result
      bytes += result.features.value.count * 4
    }
    return Dictionary(uniqueKeysWithValues: zip(opened.map(\.picture), results))
  }
}

/// Measures how long work takes.
enum Stopwatch {
  static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    try body()
    let (seconds, attoseconds) = (clock.now - start).components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
