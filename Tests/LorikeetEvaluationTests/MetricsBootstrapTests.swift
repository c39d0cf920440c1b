// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetEvaluation
import Testing

@Suite struct MetricsBootstrapTests {
  @Test func intervalsEqualNumpyOnTheSameDraws() throws {
    let fixture = try MetricsFixtures.load("bootstrap.json", as: MetricsFixtures.BootstrapCase.self)
    let values = fixture.values
    let median = Bootstrap.interval(
      n: values.count, resamples: fixture.resamples, confidence: 0.9, seed: fixture.seed
    ) { indices in
      let sorted = indices.map { values[$0] }.sorted()
      return (sorted[24] + sorted[25]) / 2
    }
    let mean = Bootstrap.mean(
      values, resamples: fixture.resamples, confidence: 0.9, seed: fixture.seed)
    for (ours, expected) in [(median, fixture.median), (mean, fixture.mean)] {
      #expect(close(ours.estimate, expected.estimate))
      #expect(close(ours.lower, expected.lower))
      #expect(close(ours.upper, expected.upper))
    }
  }

  @Test func fastMeanEqualsTheGeneralOne() {
    let values = (0..<37).map { Double($0 * $0 % 11) }
    let general = Bootstrap.interval(n: 37, resamples: 200, seed: 5) { indices in
      indices.reduce(0) { $0 + values[$1] } / 37
    }
    #expect(general == Bootstrap.mean(values, resamples: 200, seed: 5))
    #expect(general != Bootstrap.mean(values, resamples: 200, seed: 6))
  }

  @Test func intervalOfAProportionHasTheWidthTheoryGives() {
    // 400 samples, half of them 1: standard error sqrt(0.25 / 400) = 0.025, so ± 1.96 · 0.025.
    let values = (0..<400).map { Double($0 % 2) }
    let interval = Bootstrap.mean(values, resamples: 2000, seed: 1)
    #expect(interval.estimate == 0.5)
    #expect(close(interval.lower, 0.451, 0.005))
    #expect(close(interval.upper, 0.549, 0.005))
  }

  @Test func degenerateInputs() {
    let empty = Bootstrap.mean([], seed: 0)
    #expect(empty.estimate.isNaN && empty.lower.isNaN && empty.upper.isNaN)
    #expect(Bootstrap.mean([3], seed: 0) == .init(estimate: 3, lower: 3, upper: 3))
    #expect(Bootstrap.interval(n: -4, seed: 0) { Double($0.count) }.estimate == 0)
    // Resamples without a value are left out, here all but those that drew sample 0.
    let some = Bootstrap.interval(n: 2, seed: 0) { $0.contains(0) ? 1 : .nan }
    #expect(some.lower == 1 && some.upper == 1)
    #expect(Bootstrap.interval(n: 2, seed: 0) { _ in .nan }.lower.isNaN)
    #expect(Bootstrap.quantile([1, 2, 4], 0.75) == 3)
  }
}
