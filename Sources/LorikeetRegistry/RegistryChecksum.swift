// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import Foundation
internal import LorikeetTensors

/// Checksums of files.
package enum Checksum {
  /// The SHA-256 of a file in hexadecimal, read in pieces.
  package static func sha256(of path: String) throws(RegistryError) -> String {
    let storage: Storage
    do { storage = try Storage.mapping(path: path) } catch { throw .file(error) }
    var hash = SHA256()
    storage.withBytes { bytes in
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
