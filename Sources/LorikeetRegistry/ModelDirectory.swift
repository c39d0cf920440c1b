// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetCheckpoints
internal import LorikeetTensors

/// Writes the files of a Hugging Face model directory.
struct ModelDirectory {
  let path: String

  /// Makes the directory.
  init(path: String) throws(RegistryError) {
    self.path = path
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .file(FileError(path: path, reason: "cannot be made: \(error.localizedDescription)"))
    }
  }

  func write(_ value: JSONValue, as name: String) throws(RegistryError) {
    try write(value.text, as: name)
  }

  func write(_ text: String, as name: String) throws(RegistryError) {
    do { try AtomicFile.write(text, to: path + "/" + name) } catch { throw .file(error) }
  }

  func write(_ tensors: [PendingTensor]) throws(RegistryError) {
    do { try SafetensorsFile.write(pending: tensors, to: path + "/model.safetensors") } catch {
      throw .checkpoint(error)
    }
  }
}
