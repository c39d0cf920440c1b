// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetImages
import LorikeetTestSupport

/// What Tests/Reference/make_images.py wrote for one seed.
struct Expected: Sendable {
  struct Manifest: Decodable, Sendable {
    struct Decode: Decodable, Sendable {
      let file: String
      let width, height, tolerance, offset: Int
    }
    struct Resize: Decodable, Sendable {
      let source: String
      let width, height, filter, offset: Int
    }
    struct Processor: Decodable, Sendable {
      let config, source: String
      let width, height, offset: Int
    }
    struct Corruption: Decodable, Sendable {
      let name: String
      let severity, offset: Int
    }
    let decode: [Decode]
    let resize: [Resize]
    let processors: [Processor]
    let corruptions: [Corruption]
  }

  let directory: String
  let manifest: Manifest
  let values: [UInt8]

  init(seed: Int) throws {
    directory = Fixtures.path("images/seed-\(seed)")
    let read = { [directory] name in try Data(contentsOf: URL(filePath: directory + "/" + name)) }
    manifest = try JSONDecoder().decode(Manifest.self, from: read("expected.json"))
    values = [UInt8](try read("expected.bin"))
  }

  func path(_ file: String) -> String { directory + "/" + file }

  func image(_ file: String) throws -> Image { try Image(contentsOf: path(file)) }

  func fileBytes(_ file: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: path(file))))
  }

  func bytes(_ offset: Int, _ count: Int) -> ArraySlice<UInt8> { values[offset..<offset + count] }

  func floats(_ offset: Int, _ count: Int) -> [Float] {
    (0..<count).map { index in
      let at = offset + 4 * index
      return Float(bitPattern: values[at..<at + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
    }
  }

  static let seeds = [1, 2]
}

/// The largest difference of two sequences of bytes, and how many differ.
func difference(
  _ a: some Collection<UInt8>, _ b: some Collection<UInt8>
) -> (largest: Int, count: Int) {
  let each = zip(a, b).map { abs(Int($0) - Int($1)) }
  return (each.max() ?? 0, each.count { $0 != 0 })
}

/// A small generator of random numbers whose sequence is the same on every machine (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// A path for a test's own file, removed afterwards.
func withTemporaryPath(_ name: String, _ body: (String) throws -> Void) throws {
  let directory = FileManager.default.temporaryDirectory.appending(
    path: "lorikeet-images-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: directory) }
  try body(directory.appending(path: name).path)
}
