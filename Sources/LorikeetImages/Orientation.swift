// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

/// How a camera was held: where the first row and column of the stored picture belong.
///
/// Source: Exif 2.32 (CIPA DC-008), tag 0x0112; the raw values are the tag's.
package enum Orientation: Int, Sendable, CaseIterable {
  case up = 1
  case upMirrored, down, downMirrored, leftMirrored, right, rightMirrored, left

  /// Whether width and height change places.
  package var swapsSides: Bool { rawValue >= 5 }

  /// Reads the tag from a TIFF structure of either byte order; nil if it is absent or makes no sense.
  package init?(exif bytes: ArraySlice<UInt8>) {
    let bytes = Array(bytes)
    let little: Bool
    switch bytes.prefix(4) {
    case [0x49, 0x49, 0x2a, 0x00]: little = true
    case [0x4d, 0x4d, 0x00, 0x2a]: little = false
    default: return nil
    }
    func number(_ position: Int, _ count: Int) -> Int? {
      guard position >= 0, count <= bytes.count, position <= bytes.count - count else { return nil }
      let field = bytes[position..<position + count]
      return little
        ? field.reversed().reduce(0) { $0 << 8 | Int($1) } : field.reduce(0) { $0 << 8 | Int($1) }
    }
    guard let directory = number(4, 4), let count = number(directory, 2) else { return nil }
    for entry in 0..<count {
      let position = directory + 2 + entry * 12
      guard let tag = number(position, 2) else { return nil }
      guard tag == 0x0112 else { continue }
      // Written as one 16-bit value, by some writers as 32 bits; a value that fits stands in place.
      guard let type = number(position + 2, 2), let count = number(position + 4, 4), count == 1,
        let value = number(position + 8, type == 4 ? 4 : 2), type == 3 || type == 4
      else { return nil }
      self.init(rawValue: value)
      return
    }
    return nil
  }
}

extension Image {
  /// The picture as it was seen, given how the stored rows lie.
  package func upright(from orientation: Orientation) -> Image {
    guard orientation != .up else { return self }
    let swaps = orientation.swapsSides
    let (columns, rows) = swaps ? (height, width) : (width, height)
    // Output (x, y) is stored pixel origin + x * columnStep + y * rowStep.
    let (right, bottom) = (width - 1, (height - 1) * width)
    let (origin, columnStep, rowStep) =
      switch orientation {
      case .up: (0, 1, width)
      case .upMirrored: (right, -1, width)
      case .down: (bottom + right, -1, -width)
      case .downMirrored: (bottom, 1, -width)
      case .leftMirrored: (0, width, 1)
      case .right: (bottom, -width, 1)
      case .rightMirrored: (bottom + right, -width, -1)
      case .left: (right, width, -1)
      }
    var result = [UInt8](repeating: 0, count: pixels.count)
    lk_reorder_pixels(pixels, origin, columnStep, rowStep, &result, columns, rows)
    return Image(width: columns, height: rows, pixels: result)
  }
}
