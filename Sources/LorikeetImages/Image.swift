// SPDX-License-Identifier: Apache-2.0

/// A picture of 8-bit RGB pixels.
///
/// Pixels are interleaved (`R G B R G B ...`), rows from the top, without padding between rows.
public struct Image: Sendable, Equatable {
  public let width: Int
  public let height: Int
  /// `height * width * 3` bytes.
  public package(set) var pixels: [UInt8]

  /// Makes a picture of given pixels.
  ///
  /// Traps unless both sides are positive and there are `width * height * 3` bytes.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(
      width > 0 && height > 0 && pixels.count == width * height * 3,
      "Image: \(pixels.count) bytes are not \(width) x \(height) x 3")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// Makes a picture of one colour.
  public init(width: Int, height: Int, color: RGB = .black) {
    precondition(width > 0 && height > 0, "Image: \(width) x \(height) is not a size")
    self.width = width
    self.height = height
    if color.red == color.green, color.green == color.blue {
      pixels = [UInt8](repeating: color.red, count: width * height * 3)
    } else {
      pixels = []
      pixels.reserveCapacity(width * height * 3)
      for _ in 0..<width * height { pixels += [color.red, color.green, color.blue] }
    }
  }

  /// The colour of the pixel in column `x` of row `y`; traps outside the picture.
  public subscript(x: Int, y: Int) -> RGB {
    get {
      let at = offset(x, y)
      return RGB(red: pixels[at], green: pixels[at + 1], blue: pixels[at + 2])
    }
    set {
      let at = offset(x, y)
      pixels[at] = newValue.red
      pixels[at + 1] = newValue.green
      pixels[at + 2] = newValue.blue
    }
  }

  private func offset(_ x: Int, _ y: Int) -> Int {
    precondition(
      x >= 0 && x < width && y >= 0 && y < height,
      "Image: (\(x), \(y)) is outside \(width) x \(height)")
    return (y * width + x) * 3
  }
}

/// A colour of 8 bits a channel.
public struct RGB: Sendable, Hashable {
  public var red: UInt8
  public var green: UInt8
  public var blue: UInt8

  public init(red: UInt8, green: UInt8, blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  public static let black = RGB(red: 0, green: 0, blue: 0)
  public static let white = RGB(red: 255, green: 255, blue: 255)
}

/// A rectangle of whole pixels; `x` and `y` are its left and top.
public struct PixelRect: Sendable, Hashable {
  public var x: Int
  public var y: Int
  public var width: Int
  public var height: Int

  public init(x: Int, y: Int, width: Int, height: Int) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }
}
