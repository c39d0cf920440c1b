// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
public import LorikeetDatasets
internal import LorikeetImages
public import LorikeetTensors
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
  private var features: [[VisualFeatures?]] = []

  /// - Parameter views: versions of each picture, at least 1.
  public init(_ samples: [Sample], _ pipeline: Pipeline, views: Int, seed: UInt64) {
    self.samples = samples
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
    var waiting: [(sample: Int, view: Int, pixels: Tensor)] = []
    var done = 0
    func flush() {
      guard let first = waiting.first else { return }
      let size = first.pixels.shape
      let pixels = Kernels.gatherRows(
        waiting.map { ($0.pixels.reshaped([1, size.count]), 0..<1) }, width: size.count)
      let encoded = pipeline.model.visualFeatures(
        pixels.reshaped([waiting.count, 3, size[2], size[3]]), pruning: pipeline.pruning)
      for (item, result) in zip(waiting, encoded) { features[item.sample][item.view] = result }
      waiting = []
    }
    for (index, sample) in samples.enumerated() where sample.imagePath != nil {
      for view in 0..<views {
        done += 1
        guard let pixels = try read(index, view: view, strict: strict) else { break }
        if let first = waiting.first, first.pixels.shape != pixels.shape { flush() }
        waiting.append((index, view, pixels))
        if waiting.count == 8 {
          flush()
          progress(done)
        }
      }
    }
    flush()
    progress(done)
  }

  /// The kept features of a view.
  public func features(sample: Int, view: Int) -> VisualFeatures? {
    features.isEmpty ? nil : features[sample][view % views]
  }

  /// The warnings that nobody has been told yet: a line for each picture that could not be read.
  func takeWarnings() -> [String] {
    defer { toldFailures = failures.count }
    return failures.dropFirst(toldFailures).map { "warning: skipped: \($0.reason)" }
  }

  /// All kept features of view 0.
  var all: [Tensor] { features.compactMap { $0.first??.features.value } }

  /// The pixels of a view, `[1, 3, height, width]`; nil if the picture cannot be read.
  public func read(_ sample: Int, view: Int, strict: Bool) throws -> Tensor? {
    guard let path = samples[sample].imagePath else { return nil }
    do {
      var image = try Image(contentsOf: path)
      if view > 0 {
        var random = RandomStream.derive(seed: seed, label: "\(samples[sample].id)/view-\(view)")
        let augmentation = Augmentation(
          flipProbability: 0.5, cropScale: 0.7...1, brightness: 0.2, contrast: 0.2)
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
