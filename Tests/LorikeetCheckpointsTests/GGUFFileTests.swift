// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import Testing

struct GGUFFileTests {
  private let path = Fixtures.path("checkpoints/types.gguf")

  @Test func readsEveryKindOfSetting() throws {
    let file = try GGUFFile(path: path)
    for (key, value) in [
      ("t.u8", 200), ("t.i8", -100), ("t.u16", 60000), ("t.i16", -30000), ("t.u32", 4_000_000_000),
      ("t.i32", -2_000_000_000), ("t.u64", 1 << 60), ("t.i64", -(1 << 60)),
    ] {
      #expect(try file.integer(key) == value)
    }
    #expect(try file.number("t.f32") == Double(0.1 as Float))
    #expect(try file.number("t.f64") == 0.1)
    #expect(try file.number("t.u8") == 200)
    #expect(try file.bool("t.bool") == true)
    #expect(try file.string("t.string") == "h\u{e9}llo")
    #expect(try file.strings("t.strings") == ["a", "\u{120}b", ""])
    #expect(try file.integers("t.integers") == [1, -2, 3])
    #expect(file.values["t.numbers"] == .numbers([0.5, -0.25]))
    #expect(try file.string("absent") == nil)
    expectError(path, "key t.u8 is not a string") { _ = try file.string("t.u8") }
    expectError(path, "key absent is missing") { _ = try file.require("absent", file.integer) }
  }

  @Test func readsEveryTypeLikeTheReferenceLibrary() throws {
    let file = try GGUFFile(path: path)
    let expected = try SafetensorsFile(path: Fixtures.path("checkpoints/types.safetensors"))
    #expect(file.names == expected.names)
    for name in expected.names {
      let (ours, theirs) = (try #require(file[name]), try #require(expected[name]))
      #expect(ours.shape == theirs.shape)
      let difference = zip(ours.values, theirs.values).map { abs($0 - $1) }.max() ?? 1
      // The sum d q + m is rounded once or twice.
      #expect(difference <= (name == "Q4_1" ? 1e-6 : 0), "\(name)")
      #expect(ours.isFinite)
    }
    #expect(file["Q8_0"]?.dtype == .q8_0 && file["BF16"]?.dtype == .bfloat16)
  }

  @Test func readsVersionTwoAndNoOther() throws {
    let scratch = try Scratch()
    var copy = try bytes(path)
    copy[4] = 2
    #expect(try GGUFFile(path: scratch.file("two", copy)).names.count == 7)
    for version in [0, 1, 4] as [UInt8] {
      copy[4] = version
      let path = try scratch.file("other", copy)
      expectError(path, "GGUF version \(version)") { _ = try GGUFFile(path: path) }
    }
  }

  @Test func everyTruncationThrows() throws {
    let scratch = try Scratch()
    let whole = try bytes(path)
    // The file ends with padding to a multiple of 32 behind the 28 bytes of the last tensor.
    for count in stride(from: 0, to: whole.count - 32, by: 3) {
      let path = try scratch.file("cut", whole.prefix(count))
      expectError(path) { _ = try GGUFFile(path: path) }
    }
  }

  @Test func flippedBitsNeverTrap() throws {
    let scratch = try Scratch()
    let whole = try bytes(path)
    var opened = 0
    for index in 0..<min(whole.count, 1400) {
      var copy = whole
      copy[index] ^= UInt8(1 << (index * 5 % 8))
      let path = try scratch.file("flipped", copy)
      guard let file = try? GGUFFile(path: path) else { continue }
      opened += 1
      for name in file.names { _ = file[name]?.tensor() }
    }
    #expect(opened > 0)
  }

  /// A file with one setting, whose bytes after the key are given, and one tensor.
  private func gguf(_ value: [UInt8], extents: [UInt64] = [1], offset: UInt64 = 0) -> [UInt8] {
    func bytes<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
      withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
    func text(_ text: String) -> [UInt8] { bytes(UInt64(text.utf8.count)) + Array(text.utf8) }
    var file = Array("GGUF".utf8) + bytes(3 as UInt32) + bytes(1 as UInt64) + bytes(1 as UInt64)
    file += text("general.alignment") + value
    file += text("x") + bytes(UInt32(extents.count)) + extents.flatMap { bytes($0) }
    file += bytes(0 as UInt32) + bytes(offset)
    return file + Array(repeating: 0, count: 200)
  }

  @Test func rejectsHostileTables() throws {
    let scratch = try Scratch()
    let nested = [[UInt8]](repeating: [9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], count: 9)
    let aligned: [UInt8] = [4, 0, 0, 0, 8, 0, 0, 0]
    #expect(try GGUFFile(path: scratch.file("good", gguf(aligned))).names == ["x"])
    for (file, part) in [
      (gguf([4, 0, 0, 0, 0, 0, 0, 0]), "general.alignment"),
      (gguf([4, 0, 0, 0, 24, 0, 0, 0]), "general.alignment"),
      (gguf([6, 0, 0, 0, 0, 0, 0, 0]), "general.alignment"),
      (gguf([77, 0, 0, 0]), "unknown type 77"),
      (gguf([9, 0, 0, 0, 8, 0, 0, 0] + Array(repeating: 0xFF, count: 8)), "count"),
      (gguf([9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]), "too early"),
      (gguf(aligned, extents: [1 << 40, 1 << 40]), "tensor x: has a shape that is too large"),
      (gguf(aligned, extents: [1 << 62, 1]), "tensor x: has a shape that is too large"),
      (gguf(aligned, extents: Array(repeating: 1, count: 9)), "tensor x: has 9 extents"),
      (gguf(aligned, extents: [1 << 30]), "beyond the end"),
      (gguf(aligned, offset: 1 << 50), "beyond the end"),
      (gguf(aligned, offset: .max), "count"),
      (gguf(aligned, offset: 4), "no multiple of 8"),
      (gguf([9, 0, 0, 0] + nested.flatMap { $0 }), "nested too deeply"),
    ] as [([UInt8], String)] {
      let path = try scratch.file("bad", file)
      expectError(path, part) { _ = try GGUFFile(path: path) }
    }
  }
}
