// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet

/// Opens pictures batch by batch. One that cannot be opened is an error line; the others go on.
struct PictureBatches {
  let paths: [String]
  let pipeline: Pipeline

  /// Calls `body` with the paths and visual tokens of the pictures of each batch that open.
  ///
  /// - Throws: `ExitCode` at the end if any did not.
  func withBatches(_ body: ([(path: String, features: VisualFeatures)]) throws -> Void) throws {
    guard pipeline.model.vision != nil else {
      throw ConfigurationError(path: paths.first ?? "model", "the model takes no pictures")
    }
    var failed = false
    for start in stride(from: 0, to: paths.count, by: Pipeline.picturesPerBatch) {
      var opened: [(path: String, pixels: Tensor)] = []
      for path in paths[start..<min(start + Pipeline.picturesPerBatch, paths.count)] {
        do {
          let image = try Image(contentsOf: path)
          opened.append((path, try pipeline.processor.pixels(image, name: path)))
        } catch let error as ImageError {
          StandardError.line("error: \(error)")
          failed = true
        }
      }
      guard !opened.isEmpty else { continue }
      // The picture's place among the arguments seeds methods that draw.
      let seeds = opened.indices.map { UInt64(start + $0) }
      let features = try pipeline.features(of: opened.map(\.pixels), seeds: seeds)
      try body(zip(opened, features).map { ($0.path, $1) })
    }
    if failed { throw ExitCode(Failure.workFailed) }
  }
}
