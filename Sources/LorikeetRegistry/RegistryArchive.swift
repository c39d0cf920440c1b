// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

/// A zip file, such as a wheel is: finds a member and unpacks it.
///
/// Source: APPNOTE.TXT, the .ZIP file format specification, sections 4.3 and 4.4. Members may be
/// stored or deflated; encryption, several disks and the 64-bit extensions are refused.
package struct ZipArchive {
  private struct Member {
    let method: UInt16
    let flags: UInt16
    let crc: UInt32
    let compressed: Int
    let size: Int
    let offset: Int
  }

  package let path: String
  private let storage: Storage

  package init(path: String) throws(RegistryError) {
    self.path = path
    do { storage = try Storage.mapping(path: path) } catch { throw .file(error) }
  }

  /// Unpacks one member into a file.
  package func extract(_ name: String, to destination: String) throws(RegistryError) {
    let bytes = try contents(of: name)
    do { try AtomicFile.write(bytes, to: destination) } catch { throw .file(error) }
  }

  /// The bytes of one member, compared with its checksum.
  package func contents(of name: String) throws(RegistryError) -> [UInt8] {
    let member = try find(name)
    // A deflated byte gives at most 1032 bytes.
    guard member.flags & 1 == 0, member.size / 1032 <= member.compressed else {
      throw problem("\(name) is encrypted or its size is not plausible")
    }
    guard try read(UInt32.self, member.offset) == 0x0403_4B50 else {
      throw problem("\(name) is not where the directory says")
    }
    let start =
      member.offset + 30 + Int(try read(UInt16.self, member.offset + 26))
      + Int(try read(UInt16.self, member.offset + 28))
    guard start <= storage.byteCount, member.compressed <= storage.byteCount - start else {
      throw problem("\(name) goes beyond the end of the file")
    }
    let packed = storage.withBytes { Array($0[start..<start + member.compressed]) }
    let bytes: [UInt8]
    switch member.method {
    case 0:
      guard packed.count == member.size else { throw problem("\(name) has not the size it states") }
      bytes = packed
    case 8:
      do { bytes = try Inflate.decompress(packed, count: member.size) } catch {
        throw problem("\(name) cannot be unpacked: \(error.reason)")
      }
    default: throw problem("\(name) is packed by method \(member.method), which is not read")
    }
    guard CRC32.checksum(bytes) == member.crc else {
      throw problem("\(name) is damaged: its CRC-32 does not match")
    }
    return bytes
  }

  /// Looks a member up in the central directory.
  private func find(_ name: String) throws(RegistryError) -> Member {
    let end = try endRecord()
    let count = Int(try read(UInt16.self, end + 10))
    var position = Int(try read(UInt32.self, end + 16))
    let wanted = Array(name.utf8)
    for _ in 0..<count {
      guard try read(UInt32.self, position) == 0x0201_4B50 else {
        throw problem("its directory is damaged")
      }
      let nameLength = Int(try read(UInt16.self, position + 28))
      let rest =
        Int(try read(UInt16.self, position + 30)) + Int(try read(UInt16.self, position + 32))
      guard position + 46 + nameLength <= storage.byteCount else {
        throw problem("its directory is damaged")
      }
      let found = storage.withBytes { Array($0[position + 46..<position + 46 + nameLength]) }
      if found == wanted {
        return Member(
          method: try read(UInt16.self, position + 10), flags: try read(UInt16.self, position + 8),
          crc: try read(UInt32.self, position + 16),
          compressed: Int(try read(UInt32.self, position + 20)),
          size: Int(try read(UInt32.self, position + 24)),
          offset: Int(try read(UInt32.self, position + 42)))
      }
      position += 46 + nameLength + rest
    }
    throw problem("holds no \(name)")
  }

  /// The record at the end of the file, which only a comment may follow.
  private func endRecord() throws(RegistryError) -> Int {
    let last = storage.byteCount - 22
    guard last >= 0 else { throw problem("is not a zip file") }
    for position in stride(from: last, through: max(0, last - 0xFFFF), by: -1)
    where try read(UInt32.self, position) == 0x0605_4B50 {
      return position
    }
    throw problem("is not a zip file")
  }

  /// A little-endian number.
  private func read<T: FixedWidthInteger & BitwiseCopyable>(
    _: T.Type, _ offset: Int
  ) throws(RegistryError) -> T {
    guard offset >= 0, offset <= storage.byteCount - MemoryLayout<T>.size else {
      throw problem("ends too early")
    }
    return T(
      littleEndian: storage.withBytes { $0.loadUnaligned(fromByteOffset: offset, as: T.self) })
  }

  private func problem(_ reason: String) -> RegistryError { .archive(path: path, reason: reason) }
}

/// The checksum of zip files (ISO 3309; polynomial 0xEDB88320, reflected).
package enum CRC32 {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in
      value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1
    }
  }

  package static func checksum(_ bytes: [UInt8]) -> UInt32 {
    let table = table
    var value: UInt32 = 0xFFFF_FFFF
    for byte in bytes { value = table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] ^ value >> 8 }
    return ~value
  }
}
