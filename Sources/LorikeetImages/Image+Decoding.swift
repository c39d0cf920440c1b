// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetCodecs
internal import Foundation
internal import LorikeetTensors

extension Image {
  /// Reads a PNG or JPEG file, decided by its content, as upright RGB.
  ///
  /// Transparency is laid over white, 16-bit channels keep their high byte, CMYK becomes RGB as
  /// Pillow converts it, and the EXIF orientation is applied. Colour profiles and gamma are ignored.
  ///
  /// - Throws: `ImageError` naming the file and the cause.
  public init(contentsOf path: String, limits: ImageLimits = .default) throws(ImageError) {
    let bytes = try Self.fileBytes(path, limit: limits.maximumFileBytes)
    try self.init(decoding: bytes, name: path, limits: limits)
  }

  /// Decodes the bytes of a PNG or JPEG file, as `init(contentsOf:limits:)`.
  ///
  /// - Parameter name: what errors call the picture.
  public init(
    decoding bytes: [UInt8], name: String, limits: ImageLimits = .default
  ) throws(ImageError) {
    guard !bytes.isEmpty else { throw .empty(name: name) }
    guard let format = ImageFormat(recognizing: bytes) else {
      // A beginning of the signature is a PNG cut short rather than something else.
      if bytes.count < 8, PNGFormat.signature.starts(with: bytes) {
        throw .truncated(name: name, format: .png, detail: "only \(bytes.count) bytes")
      }
      if bytes == [0xff] || bytes == [0xff, 0xd8] {
        throw .truncated(name: name, format: .jpeg, detail: "only \(bytes.count) bytes")
      }
      throw .unknownFormat(name: name, beginning: Array(bytes.prefix(16)))
    }
    let size =
      switch format {
      case .png: try PNGFormat.size(bytes, name: name)
      case .jpeg: try JPEGFormat.size(bytes, name: name)
      }
    try limits.check(width: size.width, height: size.height, name: name)

    var pixels = [UInt8](repeating: 0, count: size.width * size.height * 3)
    let (width, height) = (UInt32(size.width), UInt32(size.height))
    try Codec.run(format, name: name) { message in
      switch format {
      case .png: lk_png_decode(bytes, bytes.count, width, height, &pixels, message)
      case .jpeg: lk_jpeg_decode(bytes, bytes.count, width, height, &pixels, message)
      }
    }
    let exif =
      switch format {
      case .png: PNGFormat.exif(bytes)
      case .jpeg: JPEGFormat.exif(bytes)
      }
    let orientation = exif.flatMap { Orientation(exif: $0) } ?? .up
    self = Image(width: size.width, height: size.height, pixels: pixels).upright(from: orientation)
  }

  /// Reads a whole regular file.
  private static func fileBytes(_ path: String, limit: Int) throws(ImageError) -> [UInt8] {
    // O_NONBLOCK, so that opening a pipe returns and can be refused.
    let descriptor = open(path, O_RDONLY | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw .file(FileError(path: path, errno: errno, action: "open"))
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .file(FileError(path: path, errno: errno, action: "read"))
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let directory = status.st_mode & S_IFMT == S_IFDIR
      throw .file(
        FileError(
          path: path, reason: directory ? "is a directory, not a picture" : "is not a regular file")
      )
    }
    let expected = Int(status.st_size)
    guard expected <= limit else {
      throw .fileTooLarge(name: path, bytes: expected, limit: limit)
    }
    var bytes = [UInt8](repeating: 0, count: expected)
    var done = 0
    while done < expected {
      let count = bytes.withUnsafeMutableBytes { buffer in
        read(descriptor, buffer.baseAddress.map { $0 + done }, expected - done)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw .file(FileError(path: path, errno: errno, action: "read"))
      }
      if count == 0 { break }  // the file has become shorter
      done += count
    }
    bytes.removeLast(expected - done)
    return bytes
  }
}

/// Calls into the C codecs and makes errors of what they return.
package enum Codec {
  static func run(
    _ format: ImageFormat, name: String, _ body: (UnsafeMutablePointer<CChar>) -> lk_status
  ) throws(ImageError) {
    var message = [CChar](repeating: 0, count: Int(LK_MESSAGE_SIZE))
    let status = message.withUnsafeMutableBufferPointer { buffer in
      // The buffer is never empty, so it has a base address.
      buffer.baseAddress.map(body) ?? LK_NO_MEMORY
    }
    if status == LK_OK { return }
    let detail = String(
      decoding: message.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    switch status {
    case LK_TRUNCATED: throw .truncated(name: name, format: format, detail: detail)
    case LK_UNSUPPORTED: throw .unsupported(name: name, format: format, detail: detail)
    case LK_NO_MEMORY: throw .noMemory(name: name)
    default: throw .corrupt(name: name, format: format, detail: detail)
    }
  }
}
