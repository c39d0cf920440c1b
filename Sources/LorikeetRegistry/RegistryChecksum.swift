// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import Foundation
internal import LorikeetTensors

/// Checksums of files, in hexadecimal.
package enum Checksum {
  /// The SHA-256 of a file, read in pieces.
  package static func sha256(of path: String) throws(RegistryError) -> String {
    try hash(path, SHA256()) { _ in "" }
  }

  /// The SHA-1 by which git knows a file's content: of `blob`, its length, a zero byte, and it.
  package static func gitBlob(of path: String) throws(RegistryError) -> String {
    try hash(path, Insecure.SHA1()) { "blob \($0)\u{0}" }
  }

  private static func hash<Function: HashFunction>(
    _ path: String, _ function: Function, head: (_ count: Int) -> String
  ) throws(RegistryError) -> String {
    let storage: Storage
    do { storage = try Storage.mapping(path: path) } catch { throw .file(error) }
    var hash = function
    storage.withBytes { bytes in
      hash.update(data: Data(head(bytes.count).utf8))
      for start in stride(from: 0, to: bytes.count, by: 1 << 20) {
        hash.update(
          bufferPointer: UnsafeRawBufferPointer(
            rebasing: bytes[start..<min(start + 1 << 20, bytes.count)]))
      }
    }
    return hash.finalize().map { byte in
      let digits = String(byte, radix: 16)
      return byte < 16 ? "0" + digits : digits
    }.joined()
  }
}
