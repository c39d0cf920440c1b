// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

/// Confidence intervals by resampling.
///
/// The samples are drawn again with replacement, as many as there are, and the statistic computed
/// each time; the interval holds the middle share of the values (percentile method, quantiles
/// interpolated linearly). The same seed gives the same interval.
///
/// Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3.
public enum Bootstrap {
  /// An estimate and the interval around it.
  public struct Interval: Sendable, Equatable {
    /// The statistic of the samples themselves.
    public let estimate: Double
    public let lower: Double
    public let upper: Double

    public init(estimate: Double, lower: Double, upper: Double) {
      self.estimate = estimate
      self.lower = lower
      self.upper = upper
    }
  }

  /// The interval of any statistic of `n` samples.
  ///
  /// - Parameters:
  ///   - confidence: the share of values inside, in `0 ... 1`.
  ///   - statistic: the value for a multiset of sample indices, `n` of them. Resamples where it is
  ///     NaN (a class that was not drawn, say) are left out.
  /// - Returns: bounds of NaN without samples or without a resample that has a value.
  public static func interval(
    n: Int, resamples: Int = 1000, confidence: Double = 0.95, seed: UInt64,
    statistic: ([Int]) -> Double
  ) -> Interval {
    let count = max(n, 0)
    let estimate = statistic(Array(0..<count))
    return interval(estimate, count, resamples, confidence, seed) { draw in
      statistic((0..<count).map { _ in draw() })
    }
  }

  /// The interval of the mean of values, without lists of indices.
  public static func mean(
    _ values: [Double], resamples: Int = 1000, confidence: Double = 0.95, seed: UInt64
  ) -> Interval {
    let count = Double(values.count)
    let estimate = values.isEmpty ? .nan : values.reduce(0, +) / count
    return interval(estimate, values.count, resamples, confidence, seed) { draw in
      var sum = 0.0
      for _ in 0..<values.count { sum += values[draw()] }
      return sum / count
    }
  }

  private static func interval(
    _ estimate: Double, _ n: Int, _ resamples: Int, _ confidence: Double, _ seed: UInt64,
    _ resample: (() -> Int) -> Double
  ) -> Interval {
    guard n > 0 else { return Interval(estimate: estimate, lower: .nan, upper: .nan) }
    var stream = RandomStream(seed: seed)
    var values: [Double] = []
    for _ in 0..<max(resamples, 0) {
      let value = resample { stream.index(below: n) }
      if !value.isNaN { values.append(value) }
    }
    values.sort()
    let tail = (1 - min(max(confidence, 0), 1)) / 2
    return Interval(
      estimate: estimate, lower: quantile(values, tail), upper: quantile(values, 1 - tail))
  }

  /// The quantile of sorted values, between neighbours linearly; NaN without values.
  package static func quantile(_ sorted: [Double], _ share: Double) -> Double {
    guard let last = sorted.last else { return .nan }
    let position = min(max(share, 0), 1) * Double(sorted.count - 1)
    let index = Int(position)
    guard index + 1 < sorted.count else { return last }
    return sorted[index] + (sorted[index + 1] - sorted[index]) * (position - Double(index))
  }
}
