// SPDX-License-Identifier: Apache-2.0

/// What is read of a PNG before libpng sees it.
///
/// Source: Portable Network Graphics (PNG) Specification, third edition, W3C 2025, sections 5 and 11.
package enum PNGFormat {
  package static let signature: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

  /// The size in the header: signature, then length, `IHDR`, width, height, big-endian.
  package static func size(
    _ bytes: [UInt8], name: String
  ) throws(ImageError) -> (width: Int, height: Int) {
    guard bytes.count >= 24 else {
      throw .truncated(name: name, format: .png, detail: "only \(bytes.count) bytes")
    }
    guard bytes[12..<16].elementsEqual("IHDR".utf8) else {
      throw .corrupt(name: name, format: .png, detail: "does not begin with an IHDR chunk")
    }
    let (width, height) = (bytes.bigEndian32(16), bytes.bigEndian32(20))
    guard 1...Int(Int32.max) ~= width, 1...Int(Int32.max) ~= height else {
      throw .corrupt(
        name: name, format: .png, detail: "the header says \(width) x \(height) pixels")
    }
    return (width, height)
  }

  /// The content of the `eXIf` chunk, a TIFF structure, if there is one.
  package static func exif(_ bytes: [UInt8]) -> ArraySlice<UInt8>? {
    var position = signature.count
    while bytes.count - position >= 12 {
      let length = bytes.bigEndian32(position)
      let content = position + 8
      guard length <= bytes.count - content - 4 else { return nil }
      if bytes[position + 4..<content].elementsEqual("eXIf".utf8) {
        return bytes[content..<content + length]
      }
      position = content + length + 4  // the chunk's checksum
    }
    return nil
  }
}

extension [UInt8] {
  /// Four bytes from `position` on; the caller has checked that they exist.
  fileprivate func bigEndian32(_ position: Int) -> Int {
    self[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
  }
}
