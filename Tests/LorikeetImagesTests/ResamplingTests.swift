// SPDX-License-Identifier: Apache-2.0

import LorikeetImages
import LorikeetTestSupport
import Testing

@Suite struct ResamplingTests {
  @Test(arguments: Expected.seeds)
  func resizedBytesArePillows(seed: Int) throws {
    let expected = try Expected(seed: seed)
    #expect(expected.manifest.resize.count >= 100)
    for item in expected.manifest.resize {
      let filter = try #require(ResamplingFilter(rawValue: item.filter))
      let image = try expected.image(item.source)
        .resized(width: item.width, height: item.height, filter: filter)
      #expect(image.width == item.width && image.height == item.height)
      let found = difference(
        image.pixels, expected.bytes(item.offset, item.width * item.height * 3))
      #expect(
        found.count == 0,
        "\(item.source) to \(item.width) x \(item.height), \(filter): \(found)")
    }
  }

  @Test(arguments: ResamplingFilter.allCases)
  func onePlainColourStaysItself(filter: ResamplingFilter) throws {
    let color = RGB(red: 1, green: 130, blue: 255)
    let image = Image(width: 37, height: 5, color: color)
    for (width, height) in [(1, 1), (200, 3), (36, 90)] {
      let resized = try image.resized(width: width, height: height, filter: filter)
      #expect(resized == Image(width: width, height: height, color: color))
    }
  }

  @Test func filtersHaveNamesAndPillowsNumbers() {
    let names = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]
    #expect(names.map { ResamplingFilter(name: $0)?.rawValue } == [0, 1, 2, 3, 4, 5])
    #expect(ResamplingFilter(name: "cubic") == nil)
  }

  @Test(arguments: InstructionSets.available) func everyInstructionSetAgrees(set: String) throws {
    var generator = SeededGenerator(state: 3)
    for (width, height) in [(1, 9), (3, 2), (21, 40), (22, 7), (43, 64)] {
      let image = Image(
        width: width, height: height,
        pixels: (0..<width * height * 3).map { _ in .random(in: 0...255, using: &generator) })
      for filter in ResamplingFilter.allCases {
        for target in [1, 5, 77] {
          for (x, y) in [(width, target), (target, height), (target + 2, target)] {
            let portable = try InstructionSets.using("portable") {
              try image.resized(width: x, height: y, filter: filter)
            }
            let found = try InstructionSets.using(set) {
              try image.resized(width: x, height: y, filter: filter)
            }
            #expect(found == portable)
          }
        }
      }
    }
  }

  @Test func cropsFollowCenterCropOfTransformers() {
    // 5 x 4, the column number in red and the row number in green.
    var image = Image(width: 5, height: 4)
    for y in 0..<4 {
      for x in 0..<5 { image[x, y] = RGB(red: UInt8(x + 1), green: UInt8(y + 1), blue: 9) }
    }
    // (5 - 2) / 2 = 1 from the left; (4 - 3) / 2 = 0 from the top.
    let crop = image.centerCropped(width: 2, height: 3)
    #expect(crop[0, 0] == RGB(red: 2, green: 1, blue: 9))
    #expect(crop[1, 2] == RGB(red: 3, green: 3, blue: 9))
    // Padding 3 columns: 2 on the left, 1 on the right (the larger half first).
    let padded = image.centerCropped(width: 8, height: 4)
    #expect(padded[1, 0] == .black)
    #expect(padded[2, 0] == RGB(red: 1, green: 1, blue: 9))
    #expect(padded[6, 3] == RGB(red: 5, green: 4, blue: 9))
    #expect(padded[7, 3] == .black)
    #expect(
      image.cropped(to: PixelRect(x: 9, y: 0, width: 2, height: 1), fill: .white).pixels
        == [255, 255, 255, 255, 255, 255])

    let square = image.paddedToSquare(color: .white)
    #expect(square.width == 5 && square.height == 5)
    #expect(square[0, 0] == RGB(red: 1, green: 1, blue: 9))  // (5 - 4) / 2 = 0 rows above
    #expect(square[0, 4] == .white)
    #expect(image.flippedHorizontally()[0, 1] == RGB(red: 5, green: 2, blue: 9))
  }
}
