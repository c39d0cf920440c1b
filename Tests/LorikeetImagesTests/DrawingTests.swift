// SPDX-License-Identifier: Apache-2.0

import LorikeetImages
import Testing

@Suite struct DrawingTests {
  @Test func onlyTheOutsideIsDimmed() {
    let image = Image(width: 4, height: 2, color: RGB(red: 55, green: 155, blue: 255))
    let kept = [
      PixelRect(x: 1, y: 0, width: 1, height: 2), PixelRect(x: 3, y: -5, width: 9, height: 6),
    ]
    let dimmed = image.dimming(outside: kept, by: 0.5)
    let faded = RGB(red: 155, green: 205, blue: 255)  // half way to 255
    for y in 0..<2 {
      for x in 0..<4 {
        let isKept = x == 1 || x == 3 && y == 0
        #expect(dimmed[x, y] == (isKept ? image[x, y] : faded))
      }
    }
    #expect(image.dimming(outside: [], by: 7) == Image(width: 4, height: 2, color: .white))
  }

  @Test func outlinesStayInsideTheirRectangles() {
    let red = RGB(red: 255, green: 0, blue: 0)
    let image = Image(width: 6, height: 5)
    let drawn = image.outlining([PixelRect(x: 1, y: 1, width: 4, height: 3)], color: red)
    for y in 0..<5 {
      for x in 0..<6 {
        let onBorder = (1...4 ~= x && (y == 1 || y == 3)) || (1...3 ~= y && (x == 1 || x == 4))
        #expect(drawn[x, y] == (onBorder ? red : .black))
      }
    }
    let outside = PixelRect(x: -3, y: -3, width: 90, height: 90)
    #expect(image.outlining([outside], color: red) == image)
    #expect(image.outlining([outside], color: red, thickness: 90)[3, 3] == red)
  }
}
