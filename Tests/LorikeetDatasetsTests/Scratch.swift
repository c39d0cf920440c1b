// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetDatasets

/// A temporary directory of a test, removed with the object.
final class Scratch {
  let path: String

  /// - Parameter files: contents by relative path.
  init(_ files: [String: String]) throws {
    let root = FileManager.default.temporaryDirectory.appending(path: "lorikeet-\(UUID())")
    path = root.path
    for (name, text) in files {
      let file = root.appending(path: name)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// The message of the error that opening a data set throws, without the scratch directory.
func message(_ files: [String: String], open name: String = "") throws -> String? {
  let scratch = try Scratch(files)
  do {
    _ = try Dataset(path: name.isEmpty ? scratch.path : scratch.path + "/" + name)
    return nil
  } catch {
    return error.description.replacing(scratch.path + "/", with: "")
      .replacing(scratch.path, with: "ROOT")
  }
}
