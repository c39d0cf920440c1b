// SPDX-License-Identifier: Apache-2.0

/// xoshiro256** seeded through splitmix64.
///
/// Source: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021.
public struct RandomStream: RandomNumberGenerator, Sendable, Codable, Hashable {
  private var state: [UInt64]

  public init(seed: UInt64) {
    var counter = seed
    state = (0..<4).map { _ in
      counter &+= 0x9E37_79B9_7F4A_7C15
      var z = counter
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  public mutating func next() -> UInt64 {
    func rotated(_ x: UInt64, _ k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }
    let result = rotated(state[1] &* 5, 7) &* 9
    let t = state[1] << 17
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= t
    state[3] = rotated(state[3], 45)
    return result
  }

  public mutating func uniform() -> Float { Float(next() >> 40) * 0x1p-24 }

  public mutating func shuffle<Element>(_ array: inout [Element]) {
    guard array.count > 1 else { return }
    for index in stride(from: array.count - 1, to: 0, by: -1) {
      let other = Int(next().multipliedFullWidth(by: UInt64(index + 1)).high)
      array.swapAt(index, other)
    }
  }

  /// The seed of a stream of its own for one purpose.
  public static func derive(seed: UInt64, label: String) -> RandomStream {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in label.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return RandomStream(seed: seed ^ hash)
  }
}
