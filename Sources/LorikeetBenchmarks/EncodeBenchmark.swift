// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetImages
internal import LorikeetTensors
internal import LorikeetVisionLanguage

/// Times the way of pictures into visual tokens: reading, preparing, encoding.
package struct EncodeBenchmark {
  private let pipeline: Pipeline
  private let paths: [String]
  private let repetitions: Repetitions
  private let name: String
  private let baseType: BaseType?

  /// - Parameter pictures: PNG and JPEG files.
  /// - Throws: an error that names the model if it takes no pictures.
  package init(
    _ model: BenchmarkModel, pictures: [String], _ repetitions: Repetitions
  ) throws {
    name = model.description
    baseType = model.baseType
    pipeline = try model.open()
    guard pipeline.model.vision != nil else {
      throw BenchmarkError(name, "takes no pictures; a vision-language model is needed")
    }
    paths = pictures
    self.repetitions = repetitions
  }

  /// PNG and JPEG files below a directory in order of their names, evenly thinned to `limit`; a file
  /// stands for itself.
  package static func pictures(in path: String, limit: Int) throws -> [String] {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw BenchmarkError(path, "cannot open: there is no such file or directory")
    }
    guard isDirectory.boolValue else { return [path] }
    let endings = [".png", ".jpg", ".jpeg"]
    let found = (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? [])
      .filter { name in endings.contains { name.lowercased().hasSuffix($0) } }.sorted()
    guard !found.isEmpty else { throw BenchmarkError(path, "holds no PNG or JPEG files") }
    let count = min(max(limit, 1), found.count)
    return (0..<count).map { path + "/" + found[$0 * found.count / count] }
  }

  /// The median picture's time for each part, and the time of all pictures together.
  package func run() throws -> [MeasuredWork] {
    var images: [Image] = []
    var pixels: [PicturePixels] = []
    PeakMemory.reset()
    let decode = try each(paths) { path, isLast in
      let image = try Image(contentsOf: path)
      if isLast { images.append(image) }
    }
    let prepare = try each(Array(zip(paths, images))) { picture, isLast in
      let values = try pipeline.processor.pixels(picture.1, name: picture.0)
      if isLast { pixels.append(values) }
    }
    let before = WorkCounter.operations
    _ = try pipeline.features(of: [pixels[0]], seeds: [0])
    let operations = Double(WorkCounter.operations - before)
    let one = try repetitions.time { _ = try pipeline.features(of: [pixels[0]], seeds: [0]) }
    let size = Pipeline.picturesPerBatch
    let group = (0..<size).map { _ in pixels[0] }
    let seeds = [UInt64](repeating: 0, count: size)
    let batch = try repetitions.time { _ = try pipeline.features(of: group, seeds: seeds) }
    let all = try Repetitions(warmUp: 0, count: repetitions.count).time {
      for start in stride(from: 0, to: paths.count, by: size) {
        let pixels = try paths[start..<min(start + size, paths.count)].map {
          try pipeline.processor.pixels(Image(contentsOf: $0), name: $0)
        }
        _ = try pipeline.features(of: pixels, seeds: pixels.map { _ in 0 })
      }
    }
    let settings: JSONLine = [
      "model": .string(name), "base_dtype": baseType.map { .string($0.rawValue) } ?? .null,
      "pictures": .int(paths.count),
      "pixels": .string(pixels[0].tiles.shape.description),
    ]
    func work(
      _ name: String, _ timing: Timing, _ operations: Double? = nil, pictures: Int = 1
    ) -> MeasuredWork {
      MeasuredWork(
        work: "encode", name: name, settings: settings, timing: timing, operations: operations,
        numbers: [("pictures_per_second", Double(pictures) / timing.median)],
        peakMemory: PeakMemory.bytes)
    }
    return [
      work("decode", decode), work("preprocess", prepare),
      work("encoder, batch 1", one, operations),
      work("encoder, batch \(size)", batch, operations * Double(size), pictures: size),
      work("folder", all, pictures: paths.count),
    ]
  }

  /// The median times of the items, each over all repetitions.
  private func each<Item>(
    _ items: [Item], _ body: (Item, _ isLast: Bool) throws -> Void
  ) throws -> Timing {
    var samples: [Double] = []
    let load = ProcessorLoad()
    for round in 0..<repetitions.warmUp + repetitions.count {
      let isLast = round + 1 == repetitions.warmUp + repetitions.count
      for item in items {
        let seconds = try Repetitions.seconds { try body(item, isLast) }
        if round >= repetitions.warmUp { samples.append(seconds) }
      }
    }
    return Timing(samples: samples, otherProcessors: load.others())
  }
}
