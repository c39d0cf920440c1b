// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTensors
import Testing

@Suite struct RandomStreamTests {
  /// Values of xoshiro256** seeded through SplitMix64, from an implementation in another language.
  @Test func numbersAreThoseOfXoshiro() {
    var zero = RandomStream(seed: 0)
    let first = (0..<4).map { _ in zero.next() }
    #expect(
      first == [
        0x99EC_5F36_CB75_F2B4, 0xBF6E_1F78_4956_452A, 0x1A5F_849D_4933_E6E0, 0x6AA5_94F1_262D_2D2C,
      ])
    var other = RandomStream(seed: 42)
    #expect(other.next() == 0x1578_0B2E_0C2E_C716)
    #expect(other.next() == 0x6104_D986_6D11_3A7E)
  }

  @Test func derivedStreamsDependOnSeedAndLabel() {
    var stream = RandomStream.derive(seed: 7, label: "dropout")
    #expect(stream.next() == 0x8C51_6666_32D1_CEED)
    #expect(stream.next() == 0x75F2_8C83_023A_888B)
    #expect(
      RandomStream.derive(seed: 7, label: "dropout") != RandomStream.derive(seed: 7, label: "data"))
    #expect(
      RandomStream.derive(seed: 7, label: "dropout")
        != RandomStream.derive(seed: 8, label: "dropout"))
  }

  @Test func savedStateGoesOn() throws {
    var stream = RandomStream(seed: 3)
    for _ in 0..<10 { _ = stream.next() }
    let data = try JSONEncoder().encode(stream)
    var copy = try JSONDecoder().decode(RandomStream.self, from: data)
    #expect(copy == stream)
    #expect((0..<5).map { _ in copy.next() } == (0..<5).map { _ in stream.next() })
  }

  @Test func distributionsHaveTheirMoments() {
    var stream = RandomStream(seed: 11)
    let count = 40_000
    let uniform = (0..<count).map { _ in Double(stream.uniform()) }
    #expect(uniform.allSatisfy { $0 >= 0 && $0 < 1 })
    // Standard errors: 0.29 / 200 and 1 / 200; the variance of a normal sample, sqrt(2) / 200.
    #expect(abs(uniform.reduce(0, +) / Double(count) - 0.5) < 5 * 0.29 / 200)
    let normal = (0..<count).map { _ in Double(stream.normal()) }
    #expect(normal.allSatisfy { $0.isFinite })
    #expect(abs(normal.reduce(0, +) / Double(count)) < 5 / 200)
    #expect(abs(normal.reduce(0) { $0 + $1 * $1 } / Double(count) - 1) < 5 * 1.42 / 200)
  }

  @Test func indicesAndShufflesCoverEverything() {
    var stream = RandomStream(seed: 5)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<7000 { counts[stream.index(below: 7)] += 1 }
    // Binomial: mean 1000, deviation 29.
    #expect(counts.allSatisfy { abs($0 - 1000) < 150 })
    #expect((0..<20).allSatisfy { _ in stream.index(below: 1) == 0 })
    var items = Array(0..<50)
    stream.shuffle(&items)
    #expect(items != Array(0..<50))
    #expect(items.sorted() == Array(0..<50))
    var none: [Int] = []
    stream.shuffle(&none)
    #expect(none.isEmpty)
  }
}
