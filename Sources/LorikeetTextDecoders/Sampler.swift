// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetTensors

/// How the next token is chosen from logits.
public struct Sampler: Sendable {
  /// What logits are divided by; 0 takes the likeliest token (greedy).
  public var temperature: Float
  /// Only the k likeliest tokens are kept; 0 keeps all.
  public var topK: Int
  /// Only the likeliest tokens that together reach this probability are kept; 1 keeps all
  /// (Holtzman et al., "The curious case of neural text degeneration", 2020).
  public var topP: Float
  private var random: RandomStream

  public static var greedy: Sampler { Sampler(temperature: 0) }

  public init(temperature: Float, topK: Int = 0, topP: Float = 1, seed: UInt64 = 0) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    random = RandomStream(seed: seed)
  }

  /// The chosen token. Traps on no logits.
  public mutating func next(_ logits: [Float]) -> Int {
    next(Tensor(logits, [logits.count]))
  }

  /// The chosen token. Traps on no logits.
  public mutating func next(_ logits: Tensor) -> Int {
    let best = Kernels.indexOfLargest(logits)
    guard temperature > 0 else { return best }
    let logits = logits.values
    let highest = logits[best]
    var candidates = logits.indices.map {
      (token: $0, weight: exp((logits[$0] - highest) / temperature))
    }
    if topK > 0 || topP < 1 {
      candidates.sort { ($0.weight, $1.token) > ($1.weight, $0.token) }
      if topK > 0 { candidates = Array(candidates.prefix(topK)) }
      if topP < 1 {
        let total = candidates.reduce(0) { $0 + $1.weight }
        var sum: Float = 0
        let enough = candidates.firstIndex { candidate in
          sum += candidate.weight
          return sum >= topP * total
        }
        if let enough { candidates = Array(candidates[...enough]) }
      }
    }
    var left = random.uniform() * candidates.reduce(0) { $0 + $1.weight }
    for candidate in candidates {
      left -= candidate.weight
      if left < 0 { return candidate.token }
    }
    return candidates.last?.token ?? best
  }
}
