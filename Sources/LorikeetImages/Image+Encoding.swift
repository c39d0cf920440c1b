// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetCodecs
internal import LorikeetTensors

extension Image {
  /// The bytes of a PNG file of 8-bit RGB.
  public func pngBytes() throws(ImageError) -> [UInt8] {
    try Self.pngBytes(pixels, width: width, height: height, channels: 3)
  }

  /// The bytes of an 8-bit PNG file of RGBA pixels, which need not be opaque.
  ///
  /// Traps unless both sides are positive and there are `width * height * 4` bytes.
  public static func pngBytes(
    rgba: [UInt8], width: Int, height: Int
  ) throws(ImageError) -> [UInt8] {
    precondition(
      width > 0 && height > 0 && rgba.count == width * height * 4,
      "pngBytes: \(rgba.count) bytes are not \(width) x \(height) x 4")
    return try pngBytes(rgba, width: width, height: height, channels: 4)
  }

  private static func pngBytes(
    _ pixels: [UInt8], width: Int, height: Int, channels: Int32
  ) throws(ImageError) -> [UInt8] {
    guard let columns = Int32(exactly: width), let rows = Int32(exactly: height) else {
      throw .badSize(name: "PNG", width: width, height: height)
    }
    var out = lk_bytes()
    defer { lk_bytes_free(&out) }
    try Codec.run(.png, name: "\(width) x \(height) picture") { message in
      lk_png_encode(pixels, UInt32(columns), UInt32(rows), channels, &out, message)
    }
    return Array(UnsafeBufferPointer(start: out.data, count: out.size))
  }

  /// The bytes of a baseline JPEG file.
  ///
  /// - Parameters:
  ///   - quality: libjpeg's scale, brought into 1 ... 100.
  ///   - fullColor: keeps colour at full resolution (4:4:4) instead of half (4:2:0).
  /// - Throws: `ImageError.unsupported` for a side above 65,500 pixels.
  public func jpegBytes(quality: Int = 75, fullColor: Bool = false) throws(ImageError) -> [UInt8] {
    guard let columns = Int32(exactly: width), let rows = Int32(exactly: height) else {
      throw .badSize(name: "JPEG", width: width, height: height)
    }
    let quality = Int32(min(max(quality, 1), 100))
    var out = lk_bytes()
    defer { lk_bytes_free(&out) }
    try Codec.run(.jpeg, name: "\(width) x \(height) picture") { message in
      lk_jpeg_encode(
        pixels, UInt32(columns), UInt32(rows), quality, fullColor ? 1 : 0, &out, message)
    }
    return Array(UnsafeBufferPointer(start: out.data, count: out.size))
  }

  /// Writes a PNG file, whole or not at all.
  public func writePNG(to path: String) throws(ImageError) {
    try Self.write(pngBytes(), to: path)
  }

  /// Writes a JPEG file, whole or not at all.
  public func writeJPEG(
    to path: String, quality: Int = 75, fullColor: Bool = false
  ) throws(ImageError) {
    try Self.write(jpegBytes(quality: quality, fullColor: fullColor), to: path)
  }

  private static func write(_ bytes: [UInt8], to path: String) throws(ImageError) {
    do throws(FileError) {
      try AtomicFile.write(bytes, to: path)
    } catch {
      throw .file(error)
    }
  }
}
