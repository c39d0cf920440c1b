// SPDX-License-Identifier: Apache-2.0

import Foundation
import Lorikeet

/// The safetensors file that a command writes.
enum OutputFile {
  /// Makes sure, before any work, that nothing is lost by writing a file: `--output *.png` names a
  /// picture, and `/dev/null` would become a file.
  ///
  /// - Throws: `FileError` if something is there that is neither empty nor a safetensors file, or is
  ///   read by the command.
  static func requireReplaceable(_ path: String, inputs: [String]) throws {
    let manager = FileManager.default
    guard manager.fileExists(atPath: path) else { return }
    func resolved(_ path: String) -> String { URL(filePath: path).resolvingSymlinksInPath().path }
    if inputs.contains(where: { resolved($0) == resolved(path) }) {
      throw FileError(path: path, reason: "is read, expected another file to write")
    }
    let attributes = try manager.attributesOfItem(atPath: resolved(path))
    guard attributes[.type] as? FileAttributeType == .typeRegular else {
      throw FileError(path: path, reason: "exists and is not a regular file")
    }
    guard attributes[.size] as? Int == 0 || (try? SafetensorsFile(path: path)) != nil else {
      throw FileError(path: path, reason: "exists and is not a safetensors file")
    }
  }
}
