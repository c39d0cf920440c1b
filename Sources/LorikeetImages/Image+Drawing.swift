// SPDX-License-Identifier: Apache-2.0

extension Image {
  /// The picture with everything outside the rectangles faded towards white.
  ///
  /// Shows which patches were kept: pass their rectangles in the displayed picture.
  ///
  /// - Parameter amount: 0 leaves the outside as it is, 1 makes it white.
  public func dimming(outside kept: [PixelRect], by amount: Double = 0.75) -> Image {
    var result = self
    result.mapLevels { 255 - (255 - Double($0)) * (1 - min(max(amount, 0), 1)) }
    for rect in kept {
      guard let inside = clipped(rect) else { continue }
      for y in inside.y..<inside.y + inside.height {
        let from = (y * width + inside.x) * 3
        let row = from..<from + inside.width * 3
        result.pixels.replaceSubrange(row, with: pixels[row])
      }
    }
    return result
  }

  /// The picture with the borders of the rectangles drawn inside them.
  public func outlining(_ rects: [PixelRect], color: RGB, thickness: Int = 1) -> Image {
    var result = self
    for rect in rects {
      let sides = (
        max(min(thickness, rect.width), 0), max(min(thickness, rect.height), 0)
      )
      let (right, bottom) = (rect.x + rect.width - sides.0, rect.y + rect.height - sides.1)
      for bar in [
        PixelRect(x: rect.x, y: rect.y, width: rect.width, height: sides.1),
        PixelRect(x: rect.x, y: bottom, width: rect.width, height: sides.1),
        PixelRect(x: rect.x, y: rect.y, width: sides.0, height: rect.height),
        PixelRect(x: right, y: rect.y, width: sides.0, height: rect.height),
      ] {
        guard let inside = clipped(bar) else { continue }
        for y in inside.y..<inside.y + inside.height {
          for x in inside.x..<inside.x + inside.width { result[x, y] = color }
        }
      }
    }
    return result
  }

  /// The part of a rectangle that lies in the picture.
  private func clipped(_ rect: PixelRect) -> PixelRect? {
    let (left, right) = (max(rect.x, 0), min(rect.x + rect.width, width))
    let (top, bottom) = (max(rect.y, 0), min(rect.y + rect.height, height))
    guard left < right, top < bottom else { return nil }
    return PixelRect(x: left, y: top, width: right - left, height: bottom - top)
  }
}
