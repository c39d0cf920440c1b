// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetCodecs

/// What is read of a JPEG before its pixels.
package enum JPEGFormat {
  /// The size in the frame header, as libjpeg reads it.
  package static func size(
    _ bytes: [UInt8], name: String
  ) throws(ImageError) -> (width: Int, height: Int) {
    var (width, height) = (UInt32(0), UInt32(0))
    try Codec.run(.jpeg, name: name) { message in
      lk_jpeg_size(bytes, bytes.count, &width, &height, message)
    }
    return (Int(width), Int(height))
  }

  /// The TIFF structure in the first `APP1` segment that begins with `Exif`, if there is one.
  package static func exif(_ bytes: [UInt8]) -> ArraySlice<UInt8>? {
    var position = 2  // after the start of image
    while bytes.count - position >= 4 {
      guard bytes[position] == 0xff else { return nil }
      let marker = bytes[position + 1]
      if marker == 0xff {  // padding before a marker
        position += 1
        continue
      }
      // Start of scan or end of image: metadata come before.
      guard marker != 0xda, marker != 0xd9 else { return nil }
      if marker == 0x01 || 0xd0...0xd8 ~= marker {  // markers without content
        position += 2
        continue
      }
      let length = Int(bytes[position + 2]) << 8 | Int(bytes[position + 3])
      guard length >= 2, length <= bytes.count - position - 2 else { return nil }
      let content = bytes[position + 4..<position + 2 + length]
      if marker == 0xe1, content.starts(with: "Exif\0\0".utf8) { return content.dropFirst(6) }
      position += 2 + length
    }
    return nil
  }
}
