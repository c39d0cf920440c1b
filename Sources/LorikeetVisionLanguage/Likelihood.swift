// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Probabilities out of scores.
public enum Likelihood {
  /// exp(score) / sum exp(score), 0 ... 1.
  public static func softmax(_ scores: [Float]) -> [Float] {
    let highest = scores.max() ?? 0
    let weights = scores.map { exp($0 - highest) }
    let total = weights.reduce(0, +)
    return weights.map { $0 / total }
  }
}
