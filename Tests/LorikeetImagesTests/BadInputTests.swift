// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetImages
import LorikeetTensors
import Testing

@Suite struct BadInputTests {
  func message(_ body: () throws -> some Any) -> String {
    do {
      _ = try body()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test func eachFailureIsOneLineNamingFileAndCause() throws {
    let expected = try Expected(seed: 1)
    let png = try expected.fileBytes("rgb8.png")
    let jpeg = try expected.fileBytes("rgb-420.jpg")
    func decoding(_ bytes: [UInt8]) -> String {
      message { try Image(decoding: bytes, name: "pet.png") }
    }

    #expect(
      decoding([]) == "pet.png: the file is empty (0 bytes), expected a PNG or JPEG picture")
    #expect(
      decoding(Array("A red apple on\na table".utf8))
        == "pet.png: is not a PNG or JPEG picture (it begins with \"A red apple on a\")")
    #expect(
      decoding([0, 1, 2, 0xff])
        == "pet.png: is not a PNG or JPEG picture (it begins with 00 01 02 ff)")
    #expect(decoding(Array(png.prefix(4))) == "pet.png: truncated PNG: only 4 bytes")
    #expect(
      decoding(Array(png.prefix(png.count / 2)))
        == "pet.png: truncated PNG: the data end before the picture is complete")
    #expect(
      decoding(Array(jpeg.prefix(jpeg.count / 2)))
        == "pet.png: truncated JPEG: the data end before the picture is complete")
    #expect(
      decoding(Array(jpeg.dropLast()))
        == "pet.png: truncated JPEG: the data end before the picture is complete")
    var broken = png
    broken[png.count - 40] ^= 0x55
    #expect(decoding(broken).hasPrefix("pet.png: corrupt PNG: "))
    var renamed = png
    renamed[12] = 0x58
    #expect(decoding(renamed) == "pet.png: corrupt PNG: does not begin with an IHDR chunk")

    try withTemporaryPath("absent.png") { path in
      #expect(
        message { try Image(contentsOf: path) }
          == "\(path): cannot open: No such file or directory")
      let directory = (path as NSString).deletingLastPathComponent
      #expect(
        message { try Image(contentsOf: directory) }
          == "\(directory): is a directory, not a picture")
      #expect(
        message { try Image(width: 1, height: 1).writePNG(to: directory + "/no/such/a.png") }
          == "\(directory)/no/such/a.png: cannot write: No such file or directory")
    }
  }

  @Test func claimsOfHugeSizesAreRefusedBeforeMemoryIsTaken() throws {
    var png = try Expected(seed: 1).fileBytes("rgb8.png")
    let side: [UInt8] = [0, 0, 0xea, 0x60]  // 60,000
    png.replaceSubrange(16..<24, with: side + side)
    #expect(
      message { try Image(decoding: png, name: "bomb.png") }
        == "bomb.png: 60000 x 60000 pixels are too many"
        + " (limit 178956970 pixels, 65500 a side)")
    png.replaceSubrange(16..<24, with: [0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff])
    #expect(message { try Image(decoding: png, name: "bomb.png") }.contains("too many"))
    png.replaceSubrange(16..<24, with: [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])
    #expect(message { try Image(decoding: png, name: "bomb.png") }.contains("corrupt"))

    let jpeg = try Expected(seed: 1).fileBytes("exif-1.jpg")  // 12 x 9
    let tight = ImageLimits(maximumSide: 11)
    #expect(throws: ImageError.tooLarge(name: "a", width: 12, height: 9, limits: tight)) {
      try Image(decoding: jpeg, name: "a", limits: tight)
    }
    let few = ImageLimits(maximumPixels: 107)
    #expect(throws: ImageError.tooLarge(name: "a", width: 12, height: 9, limits: few)) {
      try Image(decoding: jpeg, name: "a", limits: few)
    }
    #expect(throws: Never.self) {
      try Image(
        decoding: jpeg, name: "a", limits: ImageLimits(maximumSide: 12, maximumPixels: 108))
    }
    let path = try Expected(seed: 1).path("exif-1.jpg")
    #expect(
      message { try Image(contentsOf: path, limits: ImageLimits(maximumFileBytes: 100)) }
        .hasSuffix("bytes are too many for a picture (limit 100)"))
  }

  @Test func sizesThatAreNoneAreRefused() {
    let image = Image(width: 3, height: 2)
    #expect(throws: ImageError.badSize(name: "a", width: 0, height: 2)) {
      try image.resized(width: 0, height: 2, filter: .bicubic, name: "a")
    }
    #expect(message { try image.resized(width: 1 << 20, height: 2, filter: .box) }.contains("many"))
    #expect(
      message { try image.resized(width: .max, height: .max, filter: .box) }.contains("too many"))
  }

  /// Whole pictures cut at every length must be refused: none of them is complete.
  @Test(arguments: ["rgb8.png", "rgba16-interlaced.png", "palette4-alpha.png", "gray1.png"])
  func cutPNGsAreRefused(file: String) throws {
    let bytes = try Expected(seed: 2).fileBytes(file)
    for length in 0..<bytes.count {
      #expect(throws: ImageError.self, "\(length) of \(bytes.count) bytes") {
        try Image(decoding: Array(bytes.prefix(length)), name: file)
      }
    }
  }

  @Test(arguments: ["rgb-420.jpg", "rgb-420-progressive.jpg", "cmyk.jpg", "exif-6.jpg"])
  func cutJPEGsAreRefused(file: String) throws {
    let bytes = try Expected(seed: 2).fileBytes(file)
    for length in 0..<bytes.count {
      #expect(throws: ImageError.self, "\(length) of \(bytes.count) bytes") {
        try Image(decoding: Array(bytes.prefix(length)), name: file)
      }
    }
  }

  /// Flipped bytes may decode or throw; they must not trap, read outside or hang.
  @Test(arguments: [
    "rgb8.png", "rgba16-interlaced.png", "palette2-alpha.png", "exif-6-before.png", "rgb-420.jpg",
    "rgb-420-progressive.jpg", "ycck.jpg", "exif-6.jpg", "rgb-restart.jpg",
  ])
  func flippedBytesDecodeOrThrow(file: String) throws {
    let bytes = try Expected(seed: 1).fileBytes(file)
    var generator = SeededGenerator(state: 7)
    var (decoded, refused) = (0, 0)
    let limits = ImageLimits(maximumPixels: 1 << 20)
    for _ in 0..<600 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        damaged[Int.random(in: 0..<bytes.count, using: &generator)] =
          UInt8.random(in: 0...255, using: &generator)
      }
      do {
        let image = try Image(decoding: damaged, name: file, limits: limits)
        #expect(image.pixels.count == image.width * image.height * 3)
        decoded += 1
      } catch {
        #expect(error.description.hasPrefix(file + ": "))
        #expect(!error.description.contains("\n"))
        refused += 1
      }
    }
    #expect(refused > 0, "\(decoded) decoded")
  }

  /// JPEG structures with a broken IDAT are caught by checksums; without them zlib must hold.
  @Test func damagedPNGWithRightChecksumsDecodesOrThrows() throws {
    let bytes = try Expected(seed: 1).fileBytes("rgba8-random.png")
    var generator = SeededGenerator(state: 11)
    for _ in 0..<300 {
      var damaged = bytes
      damaged[Int.random(in: 33..<bytes.count - 12, using: &generator)] ^=
        1 << UInt8.random(in: 0...7, using: &generator)
      _ = try? Image(decoding: withChecksums(damaged), name: "png")
    }
  }

  /// The file with each chunk's checksum made right, as far as its lengths lead.
  private func withChecksums(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    var position = 8
    while bytes.count - position >= 12 {
      let length = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      let end = position + 8 + length
      guard length <= bytes.count, end + 4 <= bytes.count else { break }
      var crc: UInt32 = 0xffff_ffff
      for byte in bytes[position + 4..<end] {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? 0xedb8_8320 ^ (crc >> 1) : crc >> 1 }
      }
      crc = ~crc
      for index in 0..<4 { bytes[end + index] = UInt8(truncatingIfNeeded: crc >> (24 - 8 * index)) }
      position = end + 4
    }
    return bytes
  }
}
