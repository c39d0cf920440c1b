// SPDX-License-Identifier: Apache-2.0

import Foundation
import Lorikeet

/// Finds what --model, --data and --adapter mean.
enum ModelSource {
  /// A model directory, or the name of a pulled model.
  static func directory(_ name: String) throws -> String { try ModelLocation.resolve(name) }

  /// A data set's directory or file, or the name of a pulled data set.
  static func dataset(_ name: String) throws -> String {
    FileManager.default.fileExists(atPath: name)
      ? name : try ModelLocation.resolve(name, kind: .dataset)
  }

  /// An adapter directory, a run directory that has one in it, or the name of a pulled one.
  static func adapter(_ name: String) throws -> String {
    let isThere = FileManager.default.fileExists(atPath: name)
    let path = isThere ? name : try ModelLocation.snapshot(name) ?? name
    let inner = path + "/adapter"
    let isRun =
      FileManager.default.fileExists(atPath: path + "/recipe.yaml")
      && FileManager.default.fileExists(atPath: inner)
    return isRun ? inner : path
  }
}
