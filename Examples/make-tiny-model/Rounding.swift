// SPDX-License-Identifier: Apache-2.0

import Foundation
import Lorikeet

/// Writes a model with weights of half the size.
enum Rounding {
  /// Copies a model directory, its weights as bfloat16.
  static func write(_ source: String, to output: String) throws {
    let index = try ModelDirectory(source).load().index
    try DirectoryWriter.write(to: output) { staging in
      try SafetensorsFile.write(
        index.parameters.map { ($0.name, bfloat16($0.stored.tensor())) },
        to: staging + "/model.safetensors")
      for name in try FileManager.default.contentsOfDirectory(atPath: source)
      where name.hasSuffix(".json") {
        var text = try String(contentsOfFile: source + "/" + name, encoding: .utf8)
        if name == "config.json" {
          text = text.replacing("\"dtype\": \"float32\"", with: "\"dtype\": \"bfloat16\"")
        }
        try AtomicFile.write(text, to: staging + "/" + name)
      }
    }
  }

  /// To the nearest, to the even one of two.
  private static func bfloat16(_ tensor: Tensor) -> StoredTensor {
    let bytes = tensor.values.flatMap { value -> [UInt8] in
      let bits = value.bitPattern
      let rounded = UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
      return [UInt8(truncatingIfNeeded: rounded), UInt8(rounded >> 8)]
    }
    return StoredTensor(
      dtype: .bfloat16, shape: tensor.shape,
      storage: bytes.withUnsafeBytes { Storage(copying: $0) }, bytes: 0..<bytes.count)
  }
}
