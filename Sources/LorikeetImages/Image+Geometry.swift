// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

extension Image {
  /// The part of the picture inside a rectangle; what lies outside the picture becomes `fill`.
  ///
  /// Traps unless the rectangle's sides are positive.
  public func cropped(to rect: PixelRect, fill: RGB = .black) -> Image {
    precondition(rect.width > 0 && rect.height > 0, "cropped: \(rect) is empty")
    var result = Image(width: rect.width, height: rect.height, color: fill)
    let (left, right) = (max(rect.x, 0), min(rect.x + rect.width, width))
    let (top, bottom) = (max(rect.y, 0), min(rect.y + rect.height, height))
    guard left < right, top < bottom else { return result }
    for y in top..<bottom {
      let from = (y * width + left) * 3
      let to = ((y - rect.y) * rect.width + left - rect.x) * 3
      let count = (right - left) * 3
      result.pixels.replaceSubrange(to..<to + count, with: pixels[from..<from + count])
    }
    return result
  }

  /// Where a crop of the given size lies in the middle of the picture, as transformers' `center_crop`.
  ///
  /// An odd remainder goes to the right and the bottom; a crop larger than the picture begins
  /// outside it, with the odd pixel of padding on the left and the top.
  public func centerCropRect(width: Int, height: Int) -> PixelRect {
    // An arithmetic shift halves towards minus infinity, as Python's // does.
    PixelRect(
      x: (self.width - width) >> 1, y: (self.height - height) >> 1, width: width, height: height)
  }

  /// The middle of the picture; black where the crop is larger than the picture.
  public func centerCropped(width: Int, height: Int) -> Image {
    cropped(to: centerCropRect(width: width, height: height))
  }

  /// The picture in the middle of a square of its longer side, as LLaVA pads.
  public func paddedToSquare(color: RGB) -> Image {
    guard width != height else { return self }
    let side = max(width, height)
    return cropped(
      to: PixelRect(x: -((side - width) / 2), y: -((side - height) / 2), width: side, height: side),
      fill: color)
  }

  /// The picture with left and right exchanged.
  public func flippedHorizontally() -> Image { upright(from: .upMirrored) }

  /// Writes channel c of each pixel, through `table[c * 256 + value]`, as plane c: `[3, height, width]`.
  ///
  /// The crop is taken on the way; outside the picture every channel has value 0.
  package func planes(of rect: PixelRect, table: [Float]) -> [Float] {
    precondition(rect.width > 0 && rect.height > 0 && table.count == 768, "planes: bad arguments")
    let plane = rect.width * rect.height
    let (left, right) = (max(rect.x, 0), min(rect.x + rect.width, width))
    let (top, bottom) = (max(rect.y, 0), min(rect.y + rect.height, height))
    return [Float](unsafeUninitializedCapacity: 3 * plane) { target, count in
      count = 3 * plane
      guard let base = target.baseAddress else { return }
      if right - left < rect.width || bottom - top < rect.height {
        for channel in 0..<3 {
          (base + channel * plane).initialize(repeating: table[channel * 256], count: plane)
        }
      }
      guard left < right, top < bottom else { return }
      let from = (top * width + left) * 3
      let to = (top - rect.y) * rect.width + left - rect.x
      pixels.withUnsafeBufferPointer { source in
        guard let source = source.baseAddress else { return }
        lk_planes(
          source + from, width * 3, right - left, bottom - top, table, base + to, rect.width, plane)
      }
    }
  }
}
