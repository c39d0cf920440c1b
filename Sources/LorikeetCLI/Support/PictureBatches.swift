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
    try PreparedPictures(paths: paths) { try pipeline.processor.pixels($0, name: $1) }
      .withBatches { start, pictures in
        // The picture's place among the arguments seeds methods that draw.
        let seeds = pictures.indices.map { UInt64(start + $0) }
        let features = try pipeline.features(of: pictures.map(\.prepared), seeds: seeds)
        try body(zip(pictures, features).map { ($0.path, $1) })
      }
  }
}

/// Opens pictures batch by batch and prepares each. One that cannot be opened is an error line; the
/// others go on.
struct PreparedPictures<Prepared> {
  let paths: [String]
  let prepare: (Image, String) throws -> Prepared

  /// Calls `body` with the place of each batch among the paths, and its pictures that open.
  ///
  /// - Throws: `ExitCode` at the end if any did not.
  func withBatches(_ body: (Int, [(path: String, prepared: Prepared)]) throws -> Void) throws {
    var failed = false
    for start in stride(from: 0, to: paths.count, by: Pipeline.picturesPerBatch) {
      var opened: [(path: String, prepared: Prepared)] = []
      for path in paths[start..<min(start + Pipeline.picturesPerBatch, paths.count)] {
        do {
          opened.append((path, try prepare(try Image(contentsOf: path), path)))
        } catch let error as ImageError {
          StandardError.line("error: \(error)")
          failed = true
        }
      }
      if !opened.isEmpty { try body(start, opened) }
    }
    if failed { throw ExitCode(Failure.workFailed) }
  }
}
