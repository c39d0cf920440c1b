// SPDX-License-Identifier: Apache-2.0

/// Writes the picture as a JPEG of low quality and reads it back.
public struct JPEGCompression: Corruption {
  public let name = "jpeg-compression"

  public init() {}

  public func apply(
    to image: Image, severity: Severity, using generator: inout some RandomNumberGenerator
  ) throws(ImageError) -> Image {
    let bytes = try image.jpegBytes(quality: severity.pick(25, 18, 15, 10, 7))
    return try Image(decoding: bytes, name: name)
  }
}
