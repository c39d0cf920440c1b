// SPDX-License-Identifier: Apache-2.0

import LorikeetImages
import Testing

@Suite struct AugmentationTests {
  func picture() throws -> Image { try Expected(seed: 1).image("wide.png") }

  @Test func theSameSeedGivesTheSamePicture() throws {
    let image = try picture()
    let augmentation = Augmentation(
      flipProbability: 0.5, cropScale: 0.3...1, brightness: 0.4, contrast: 0.4)
    var (a, b, c) = (
      SeededGenerator(state: 5), SeededGenerator(state: 5), SeededGenerator(state: 6)
    )
    let first = (0..<5).map { _ in augmentation(image, using: &a) }
    #expect(first == (0..<5).map { _ in augmentation(image, using: &b) })
    #expect(first != (0..<5).map { _ in augmentation(image, using: &c) })
    #expect(Set(first.map(\.width)).count > 1)
  }

  @Test func nothingAskedForChangesNothing() throws {
    let image = try picture()
    var generator = SeededGenerator(state: 1)
    #expect(Augmentation()(image, using: &generator) == image)
    let flipped = Augmentation(flipProbability: 1)(image, using: &generator)
    #expect(flipped == image.flippedHorizontally())
    #expect(flipped.flippedHorizontally() == image)
  }

  @Test func cropsKeepToTheirRanges() {
    let image = Image(width: 80, height: 60)
    var generator = SeededGenerator(state: 2)
    for _ in 0..<500 {
      let rect = image.randomCropRect(scale: 0.2...0.5, ratio: 0.75...4.0 / 3, using: &generator)
      #expect(rect.x >= 0 && rect.y >= 0)
      #expect(rect.x + rect.width <= 80 && rect.y + rect.height <= 60)
      let (area, ratio) = (rect.width * rect.height, Double(rect.width) / Double(rect.height))
      #expect(900...2500 ~= area && 0.7...1.4 ~= ratio, "\(rect)")
    }
    // No draw fits a strip; the fallback is its middle, as wide as the ratio allows.
    let strip = Image(width: 400, height: 3)
    #expect(
      strip.randomCropRect(scale: 1...1, ratio: 0.75...4.0 / 3, using: &generator)
        == PixelRect(x: 198, y: 0, width: 4, height: 3))
  }

  @Test func jitterMultipliesBrightnessAndContrast() {
    // Gray 100 and 200: contrast moves both about their mean 150 and keeps it.
    let image = Image(width: 2, height: 1, pixels: [100, 100, 100, 200, 200, 200])
    var generator = SeededGenerator(state: 4)
    for _ in 0..<50 {
      let spread = image.jittered(brightness: 0, contrast: 0.5, using: &generator)
      let (low, high) = (Int(spread.pixels[0]), Int(spread.pixels[3]))
      #expect(abs(low + high - 300) <= 1 && 49...151 ~= high - low)
      let lit = image.jittered(brightness: 0.25, contrast: 0, using: &generator)
      #expect(abs(Int(lit.pixels[3]) - 2 * Int(lit.pixels[0])) <= 1)
    }
  }
}
