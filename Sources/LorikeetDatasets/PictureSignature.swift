// SPDX-License-Identifier: Apache-2.0

public import LorikeetImages

/// What a picture looks like from afar: enough to find copies, mirror images and variants in colour.
///
/// The picture is cropped to what is not white, centred on a white square and averaged to 16 × 16
/// grey cells. 512 bits say where brightness rises, to the right and downwards (the difference hash
/// of Krawetz, "Kind of Like That", 2013, in both directions); the cells themselves are kept too,
/// because flat drawings have few gradients.
public struct PictureSignature: Sendable, Hashable {
  static let side = 16
  private static let white = 250
  /// Steps smaller than this, of 255, are noise.
  private static let step = 2

  private let cells: [UInt8]
  private let bits: [UInt64]
  private let mirroredCells: [UInt8]
  private let mirroredBits: [UInt64]

  /// - Parameter picture: with transparency already laid over white.
  public init(_ picture: Image) {
    let square = Self.centred(picture)
    (cells, bits) = Self.summary(square.pixels, side: square.side)
    var mirrored = square.pixels
    for y in 0..<square.side {
      let row = y * square.side
      for x in 0..<square.side { mirrored[row + x] = square.pixels[row + square.side - 1 - x] }
    }
    (mirroredCells, mirroredBits) = Self.summary(mirrored, side: square.side)
  }

  /// Reads the picture of a file.
  ///
  /// - Throws: `ImageError` if it does not decode.
  public init(contentsOf path: String) throws(ImageError) { self.init(try Image(contentsOf: path)) }

  /// How many of 512 bits differ, as they are or mirrored; nil if the pictures' grey cells differ by
  /// more than 8 % on average, so that they are no variants of one picture.
  public func distance(to other: PictureSignature) -> Int? {
    let plain = Self.distance(cells, bits, other.cells, other.bits)
    let mirrored = Self.distance(cells, bits, other.mirroredCells, other.mirroredBits)
    guard let plain, let mirrored else { return plain ?? mirrored }
    return min(plain, mirrored)
  }

  private static func distance(
    _ cells: [UInt8], _ bits: [UInt64], _ otherCells: [UInt8], _ otherBits: [UInt64]
  ) -> Int? {
    var difference = 0
    for index in cells.indices { difference += abs(Int(cells[index]) - Int(otherCells[index])) }
    guard difference * 100 <= cells.count * 255 * 8 else { return nil }
    return zip(bits, otherBits).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
  }
}

// MARK: - Summaries

extension PictureSignature {
  /// The grey values of the part that is not white, centred on a white square.
  private static func centred(_ picture: Image) -> (pixels: [UInt8], side: Int) {
    let (width, height) = (picture.width, picture.height)
    var grey = [UInt8](repeating: 255, count: width * height)
    var (left, right, top, bottom) = (width, -1, height, -1)
    for y in 0..<height {
      for x in 0..<width {
        let p = (y * width + x) * 3
        // The weights of ITU-R BT.601, as Pillow rounds them.
        let value =
          (Int(picture.pixels[p]) * 19595 + Int(picture.pixels[p + 1]) * 38470
            + Int(picture.pixels[p + 2]) * 7471 + 0x8000) >> 16
        grey[y * width + x] = UInt8(value)
        if value < white {
          (left, right, top, bottom) = (min(left, x), max(right, x), min(top, y), max(bottom, y))
        }
      }
    }
    if right < 0 { (left, right, top, bottom) = (0, width - 1, 0, height - 1) }
    let (w, h) = (right - left + 1, bottom - top + 1)
    let size = max(w, h)
    var pixels = [UInt8](repeating: 255, count: size * size)
    let (dx, dy) = ((size - w) / 2, (size - h) / 2)
    for y in 0..<h {
      for x in 0..<w {
        pixels[(y + dy) * size + x + dx] = grey[(y + top) * width + x + left]
      }
    }
    return (pixels, size)
  }

  private static func summary(_ pixels: [UInt8], side size: Int) -> ([UInt8], [UInt64]) {
    let wide = averaged(pixels, side: size, columns: side + 1, rows: side)
    let tall = averaged(pixels, side: size, columns: side, rows: side + 1)
    var bits = [UInt64](repeating: 0, count: 2 * side * side / 64)
    for y in 0..<side {
      for x in 0..<side {
        let index = y * side + x
        let across = Int(wide[y * (side + 1) + x + 1]) - Int(wide[y * (side + 1) + x])
        let down = Int(tall[(y + 1) * side + x]) - Int(tall[y * side + x])
        if across > step { bits[index / 64] |= 1 << UInt64(index % 64) }
        if down > step { bits[(side * side + index) / 64] |= 1 << UInt64(index % 64) }
      }
    }
    return (averaged(pixels, side: size, columns: side, rows: side), bits)
  }

  /// Averages over boxes; a picture smaller than the grid repeats its pixels.
  private static func averaged(
    _ pixels: [UInt8], side size: Int, columns: Int, rows: Int
  ) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: columns * rows)
    for row in 0..<rows {
      let y0 = row * size / rows
      let y1 = max(y0 + 1, (row + 1) * size / rows)
      for column in 0..<columns {
        let x0 = column * size / columns
        let x1 = max(x0 + 1, (column + 1) * size / columns)
        var sum = 0
        for y in y0..<y1 { for x in x0..<x1 { sum += Int(pixels[y * size + x]) } }
        result[row * columns + column] = UInt8(sum / ((y1 - y0) * (x1 - x0)))
      }
    }
    return result
  }
}
