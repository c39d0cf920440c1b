// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
package import LorikeetDatasets
public import LorikeetImages
internal import LorikeetTensors
public import LorikeetVisionLanguage

/// The pictures of a data set as a model takes them: pixels, or what a frozen encoder made of them.
///
/// Each picture may have several views: view 0 as the processor prepares it, the others flipped or
/// cropped at random, by seed, once and for all.
public final class PictureSource {
  /// Samples whose picture could not be read, with the reason.
  public private(set) var failures: [(sample: Int, reason: String)] = []
  private var toldFailures = 0
  private let pipeline: Pipeline
  private let samples: [Sample]
  private let views: Int
  private let seed: UInt64
  private let cache: FeatureCache?
  /// Features in memory, by sample and view.
  private var features: [[VisualFeatures?]] = []
  /// Names of the features in the cache on disk, by sample and view.
  private var names: [[String?]] = []

  /// - Parameters:
  ///   - views: versions of each picture, at least 1.
  ///   - cache: keeps encoded features on disk instead of in memory.
  package init(
    _ samples: [Sample], _ pipeline: Pipeline, views: Int, seed: UInt64,
    cache: FeatureCache? = nil
  ) {
    self.samples = samples
    self.cache = cache
    self.pipeline = pipeline
    self.views = views
    self.seed = seed
  }

  /// Encodes all views of all pictures, a few at a time, and keeps the features.
  ///
  /// - Parameter progress: told how many views are done.
  /// - Throws: what a picture failed with, if `strict`; else it is noted in `failures`.
  public func encodeAll(
    strict: Bool, progress: (Int) -> Void = { _ in }
  ) throws {
    features = samples.map { _ in Array(repeating: nil, count: views) }
    names = samples.map { _ in Array(repeating: nil, count: views) }
    var waiting: [(sample: Int, view: Int, pixels: PicturePixels)] = []
    var done = 0
    func flush() throws {
      let encoded = try pipeline.model.visualFeatures(
        of: waiting.map(\.pixels), pruning: pipeline.pruning, seeds: waiting.map { _ in 0 })
      for (item, result) in zip(waiting, encoded) {
        if let cache, let name = names[item.sample][item.view] {
          try cache.store(result, name)
        } else {
          features[item.sample][item.view] = result
        }
      }
      waiting = []
      progress(done)
    }
    for (index, sample) in samples.enumerated() where sample.imagePath != nil {
      for view in 0..<views {
        done += 1
        if let cache, let name = name(sample, view: view, in: cache) {
          names[index][view] = name
          if cache.load(name) != nil { continue }
        }
        guard let pixels = try read(index, view: view, strict: strict) else { break }
        if let first = waiting.first, first.pixels.tiles.shape != pixels.tiles.shape {
          try flush()
        }
        waiting.append((index, view, pixels))
        if waiting.count == Pipeline.picturesPerBatch { try flush() }
      }
    }
    try flush()
    progress(done)
  }

  private func name(_ sample: Sample, view: Int, in cache: FeatureCache) -> String? {
    // View 0 is the picture itself; the others are drawn by the run's seed and the sample's name.
    sample.imagePath.flatMap {
      cache.name(
        picture: $0, view: view == 0 ? "0" : "\(augmentation) \(seed) \(sample.id) \(view)")
    }
  }

  /// The kept features of a view.
  public func features(sample: Int, view: Int) -> VisualFeatures? {
    guard !features.isEmpty else { return nil }
    let view = view % views
    return features[sample][view] ?? names[sample][view].flatMap { cache?.load($0) }
  }

  /// The warnings that nobody has been told yet: a line for each picture that could not be read.
  func takeWarnings() -> [String] {
    defer { toldFailures = failures.count }
    return failures.dropFirst(toldFailures).map { "warning: skipped: \($0.reason)" }
  }

  /// All kept features of view 0.
  var all: [Tensor] {
    samples.indices.compactMap { features(sample: $0, view: 0)?.features.value }
  }

  /// How views other than the first are made.
  private let augmentation = Augmentation(
    flipProbability: 0.5, cropScale: 0.7...1, brightness: 0.2, contrast: 0.2)

  /// The pixels of the first picture that can be read; failures are left for later.
  func first() -> PicturePixels? {
    guard pipeline.model.vision != nil else { return nil }
    for case let path? in samples.lazy.map(\.imagePath) {
      if let image = try? Image(contentsOf: path),
        let pixels = try? pipeline.processor.pixels(image, name: path)
      {
        return pixels
      }
    }
    return nil
  }

  /// The pixels of a view; nil if the picture cannot be read.
  public func read(_ sample: Int, view: Int, strict: Bool) throws -> PicturePixels? {
    guard let path = samples[sample].imagePath else { return nil }
    do {
      var image = try Image(contentsOf: path)
      if view > 0 {
        var random = RandomStream.derive(seed: seed, label: "\(samples[sample].id)/view-\(view)")
        image = augmentation(image, using: &random)
      }
      return try pipeline.processor.pixels(image, name: path)
    } catch {
      if strict { throw error }
      if !failures.contains(where: { $0.sample == sample }) {
        failures.append((sample, "\(error)"))
      }
      return nil
    }
  }
}
