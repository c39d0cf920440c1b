// SPDX-License-Identifier: Apache-2.0

/// How large a picture may be before it is refused unread.
///
/// A file of a few hundred bytes can claim any size, so the claim is checked before memory is taken
/// for the pixels. The default is Pillow's own bound of 178,956,970 pixels (1/4 GiB of RGB, twice)
/// and libjpeg's longest side.
public struct ImageLimits: Sendable, Equatable {
  /// The longest width or height, in pixels.
  public let maximumSide: Int
  /// The most pixels, width times height.
  public let maximumPixels: Int
  /// The longest file, in bytes.
  public let maximumFileBytes: Int

  /// Limits out of range (below 1, or beyond what the formats can hold) are brought into it.
  public init(
    maximumSide: Int = 65_500, maximumPixels: Int = 178_956_970, maximumFileBytes: Int = 1 << 29
  ) {
    self.maximumSide = min(max(maximumSide, 1), Int(Int32.max))
    self.maximumPixels = min(max(maximumPixels, 1), 1 << 40)
    self.maximumFileBytes = min(max(maximumFileBytes, 1), 1 << 40)
  }

  public static let `default` = ImageLimits()

  /// Throws `ImageError.tooLarge` for a size beyond the limits.
  package func check(width: Int, height: Int, name: String) throws(ImageError) {
    let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
    guard !overflow, width <= maximumSide, height <= maximumSide, pixels <= maximumPixels else {
      throw .tooLarge(name: name, width: width, height: height, limits: self)
    }
  }
}
