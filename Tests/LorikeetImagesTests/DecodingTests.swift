// SPDX-License-Identifier: Apache-2.0

import LorikeetImages
import Testing

@Suite struct DecodingTests {
  @Test(arguments: Expected.seeds)
  func everyKindDecodesAsPillowReadsIt(seed: Int) throws {
    let expected = try Expected(seed: seed)
    #expect(expected.manifest.decode.count > 70)
    for item in expected.manifest.decode {
      let image = try expected.image(item.file)
      guard image.width == item.width, image.height == item.height else {
        Issue.record("\(item.file): \(image.width) x \(image.height)")
        continue
      }
      let found = difference(
        image.pixels, expected.bytes(item.offset, item.width * item.height * 3))
      #expect(found.largest <= item.tolerance, "\(item.file): \(found)")
    }
  }

  @Test func orientationsTurnACornerWhereItBelongs() {
    // A 3 x 2 picture, numbered 1 2 3 / 4 5 6.
    let stored = Image(width: 3, height: 2, pixels: (1...6).flatMap { [$0, $0, $0] })
    let upright: [Orientation: [[UInt8]]] = [
      .up: [[1, 2, 3], [4, 5, 6]],
      .upMirrored: [[3, 2, 1], [6, 5, 4]],
      .down: [[6, 5, 4], [3, 2, 1]],
      .downMirrored: [[4, 5, 6], [1, 2, 3]],
      .leftMirrored: [[1, 4], [2, 5], [3, 6]],
      .right: [[4, 1], [5, 2], [6, 3]],
      .rightMirrored: [[6, 3], [5, 2], [4, 1]],
      .left: [[3, 6], [2, 5], [1, 4]],
    ]
    #expect(upright.count == Orientation.allCases.count)
    for (orientation, rows) in upright {
      let image = stored.upright(from: orientation)
      #expect((0..<image.height).map { y in (0..<image.width).map { image[$0, y].red } } == rows)
    }
  }

  @Test func turningBackGivesTheStoredPicture() {
    // Larger than the tiles in which pixels are moved, with odd remainders.
    var generator = SeededGenerator(state: 8)
    let image = Image(
      width: 131, height: 70,
      pixels: (0..<131 * 70 * 3).map { _ in .random(in: 0...255, using: &generator) })
    for orientation in Orientation.allCases {
      let back: Orientation =
        switch orientation {
        case .right: .left
        case .left: .right
        default: orientation
        }
      #expect(image.upright(from: orientation).upright(from: back) == image)
      #expect(orientation == .up || image.upright(from: orientation) != image)
    }
  }

  @Test func exifReadsBothByteOrdersAndSurvivesNonsense() {
    let little: [UInt8] = [
      0x49, 0x49, 0x2a, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,
    ]
    let big: [UInt8] = [
      0x4d, 0x4d, 0, 0x2a, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0,
    ]
    #expect(Orientation(exif: little[...]) == .right)
    #expect(Orientation(exif: big[...]) == .left)
    for length in 0..<20 { #expect(Orientation(exif: little.prefix(length)) == nil) }
    var far = little
    far.replaceSubrange(4..<8, with: [0xff, 0xff, 0xff, 0xff])  // the directory lies outside
    #expect(Orientation(exif: far[...]) == nil)
    var nine = little
    nine[18] = 9
    #expect(Orientation(exif: nine[...]) == nil)
  }

  @Test(arguments: Expected.seeds)
  func writtenPicturesReadBack(seed: Int) throws {
    let image = try Expected(seed: seed).image("rgb-444.jpg")
    #expect(try Image(decoding: image.pngBytes(), name: "png") == image)
    let fine = try Image(decoding: image.jpegBytes(quality: 100, fullColor: true), name: "jpeg")
    #expect(difference(fine.pixels, image.pixels).largest <= 3)
    let coarse = try image.jpegBytes(quality: 10)
    #expect(coarse.count < (try image.jpegBytes(quality: 90).count))
    try withTemporaryPath("a.png") { path in
      try image.writePNG(to: path)
      #expect(try Image(contentsOf: path) == image)
      try image.writeJPEG(to: path, quality: 95)  // the content decides, not the name
      #expect(try Image(contentsOf: path).width == image.width)
    }
  }

  @Test func writtenTransparencyIsLaidOverWhite() throws {
    let bytes = try Image.pngBytes(rgba: [255, 0, 0, 255, 0, 0, 0, 0], width: 2, height: 1)
    let image = try Image(decoding: bytes, name: "png")
    #expect(image.pixels == [255, 0, 0, 255, 255, 255])
  }
}
