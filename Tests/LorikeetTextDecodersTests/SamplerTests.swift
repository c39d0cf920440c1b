// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTextDecoders
import Testing

@Suite struct SamplerTests {
  @Test func greedyTakesTheFirstOfTheLikeliest() {
    var sampler = Sampler.greedy
    #expect(sampler.next([0, 3, 3, 1]) == 1)
    #expect(sampler.next([5]) == 0)
  }

  @Test func theSameSeedGivesTheSameTokens() {
    func run(_ seed: UInt64) -> [Int] {
      var sampler = Sampler(temperature: 1, seed: seed)
      return (0..<50).map { _ in sampler.next([0, 1, 2, 0.5]) }
    }
    #expect(run(1) == run(1))
    #expect(run(1) != run(2))
  }

  @Test func tokensComeInProportionToTheirProbabilities() {
    let logits: [Float] = [0, 1, 2, -1]
    var sampler = Sampler(temperature: 2, seed: 3)
    var counts = [Int](repeating: 0, count: 4)
    for _ in 0..<20_000 { counts[sampler.next(logits)] += 1 }
    let weights = logits.map { exp(Double($0) / 2) }
    for (count, weight) in zip(counts, weights) {
      let p = weight / weights.reduce(0, +)
      // Five standard deviations of a binomial share.
      #expect(abs(Double(count) / 20_000 - p) < 5 * (p * (1 - p) / 20_000).squareRoot())
    }
  }

  @Test func topKAndTopPKeepTheLikeliest() {
    let logits: [Float] = [0, 3, 2, 1]
    var two = Sampler(temperature: 5, topK: 2, seed: 1)
    #expect(Set((0..<200).map { _ in two.next(logits) }) == [1, 2])
    // Probabilities at temperature 1: 0.644, 0.237, 0.087, 0.032: two reach 0.7.
    var nucleus = Sampler(temperature: 1, topP: 0.7, seed: 1)
    #expect(Set((0..<400).map { _ in nucleus.next(logits) }) == [1, 2])
    var one = Sampler(temperature: 1, topP: 0.01, seed: 1)
    #expect(Set((0..<100).map { _ in one.next(logits) }) == [1])
  }
}
