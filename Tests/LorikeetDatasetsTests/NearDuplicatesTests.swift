// SPDX-License-Identifier: Apache-2.0

import LorikeetDatasets
import LorikeetImages
import Testing

@Suite struct NearDuplicatesTests {
  @Test func sharedKeysJoinThroughOthers() {
    let keys = [["a"], ["b"], ["c"], ["a", "c"], [], ["d"], []]
    #expect(NearDuplicates.groups(keys: keys) == [0, 1, 0, 0, 2, 3, 4])
  }

  @Test(arguments: [
    ("A red apple.", "Two green apples!"), ("The letter A.", "The letter a."),
    ("A pair of cherries.", "Some cherry"), ("A folded shirt, left.", "Folded shirts (mirrored)"),
    ("5 Japanese yen.", "100 Japanese yen."), ("A grass.", "Grass"),
  ])
  func captionsOfVariantsAgree(one: String, other: String) {
    #expect(CaptionKey.make(one) == CaptionKey.make(other))
  }

  @Test(arguments: [
    ("The letter A.", "The letter B."), ("Red.", "Blue."), ("One.", "Two."),
    ("A sliced orange.", "A sliced lime."),
    ("The sign for the number 3", "The sign for the number 4"),
  ])
  func captionsOfDifferentThingsDiffer(one: String, other: String) {
    #expect(CaptionKey.make(one) != CaptionKey.make(other))
  }

  /// A filled shape on white: `inside` takes places from 0 to 1.
  private func picture(
    width: Int = 60, height: Int = 50, color: RGB = RGB(red: 200, green: 30, blue: 30),
    margin: Int = 0, _ inside: (Double, Double) -> Bool
  ) -> PictureSignature {
    var pixels: [UInt8] = []
    for y in -margin..<height + margin {
      for x in -margin..<width + margin {
        let isInside =
          (0..<width).contains(x) && (0..<height).contains(y)
          && inside((Double(x) + 0.5) / Double(width), (Double(y) + 0.5) / Double(height))
        pixels += isInside ? [color.red, color.green, color.blue] : [255, 255, 255]
      }
    }
    return PictureSignature(
      Image(width: width + 2 * margin, height: height + 2 * margin, pixels: pixels))
  }

  private func triangle(_ x: Double, _ y: Double) -> Bool { x + y < 1 }
  private func disc(_ x: Double, _ y: Double) -> Bool {
    (x - 0.5) * (x - 0.5) + (y - 0.5) * (y - 0.5) < 0.25
  }

  @Test func copiesSizesMarginsAndMirrorImagesAreNear() throws {
    let original = picture(triangle)
    #expect(original.distance(to: original) == 0)
    #expect(original.distance(to: picture(margin: 17, triangle)) == 0)
    #expect(original.distance(to: picture { 1 - $0 + $1 < 1 }) == 0)
    let double = try #require(original.distance(to: picture(width: 120, height: 100, triangle)))
    #expect(double <= 20)
    let tinted = picture(color: RGB(red: 30, green: 90, blue: 60), triangle)
    #expect(try #require(original.distance(to: tinted)) <= 20)
  }

  @Test func differentPicturesAreFar() {
    let distance = picture(triangle).distance(to: picture(disc))
    #expect(distance.map { $0 > 44 } ?? true)
    // Solid squares have no gradients inside: their grey tells them apart.
    let dark = picture(color: RGB(red: 0, green: 0, blue: 0)) { _, _ in true }
    let pale = picture(color: RGB(red: 220, green: 220, blue: 220)) { _, _ in true }
    #expect(dark.distance(to: pale) == nil)
  }

  @Test func blankAndTinyPicturesHaveSignatures() {
    let blank = PictureSignature(Image(width: 1, height: 1, color: .white))
    let other = PictureSignature(Image(width: 300, height: 2, color: .white))
    #expect(blank.distance(to: other) == 0)
    _ = PictureSignature(Image(width: 3, height: 1, color: .black))
  }

  @Test func likenessMakesNoGroupBeyondTheLimit() {
    let one = picture(triangle)
    let signatures = [PictureSignature?](repeating: one, count: 10)
    let series = [String](repeating: "s", count: 10)
    let free = NearDuplicates.groups(
      keys: Array(repeating: [], count: 10), signatures: signatures, series: series)
    #expect(Set(free).count == 1)
    let limited = NearDuplicates.groups(
      keys: Array(repeating: [], count: 10), signatures: signatures, series: series, limit: 4)
    let sizes = Dictionary(grouping: limited) { $0 }.mapValues(\.count)
    #expect(sizes.values.max() == 4)
    // Keys join without limit.
    let keyed = NearDuplicates.groups(
      keys: Array(repeating: ["k"], count: 10), signatures: signatures, series: series, limit: 4)
    #expect(Set(keyed).count == 1)
  }
}
