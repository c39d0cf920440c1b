// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// BLEU-1 to BLEU-4 of captions.
///
/// BLEU-n = brevity · (∏ₖ₌₁ⁿ correctₖ / guessedₖ)^(1/n), where correctₖ counts the k-grams of the
/// prediction clipped to the most that one reference has of them, and brevity = exp(1 - r/c) when
/// the predictions (c words) are shorter than the references (r words, the closest length for each
/// sample, the shorter of two equally close). Counts are summed over the samples before dividing.
///
/// Source: Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation", ACL
/// 2002, sections 2.1 to 2.3; smoothing as in coco-caption's `bleu_scorer`: 1e-15 on the numerators
/// and 1e-9 on the denominators, so that a score without any match is nearly 0 and not undefined.
public enum BLEU {
  /// What the score of any set of samples needs to know of one of them.
  public struct Counts: Sendable, Equatable {
    /// For n - 1 from 0 to 3, clipped matches and n-grams of the prediction.
    public var correct = SIMD4<Int>()
    public var guessed = SIMD4<Int>()
    /// Words of the prediction, and of the reference closest to it in length.
    public var predictionLength = 0
    public var referenceLength = 0

    /// The counts of a set of samples are the sums of their counts.
    public static func += (sum: inout Counts, counts: Counts) {
      sum.correct &+= counts.correct
      sum.guessed &+= counts.guessed
      sum.predictionLength += counts.predictionLength
      sum.referenceLength += counts.referenceLength
    }

    /// BLEU-1 to BLEU-4, each in `0 ... 1`.
    public var scores: [Double] {
      let tiny = 1e-15
      let small = 1e-9
      let ratio = (Double(predictionLength) + tiny) / (Double(referenceLength) + small)
      let brevity = ratio < 1 ? exp(1 - 1 / ratio) : 1
      var product = 1.0
      return (0..<4).map { n in
        product *= (Double(correct[n]) + tiny) / (Double(guessed[n]) + small)
        return pow(product, 1 / Double(n + 1)) * brevity
      }
    }
  }

  /// The counts of each sample.
  public static func counts(_ samples: [CaptionSample]) -> [Counts] {
    var counter = NGramCounter()
    return samples.map { sample in
      let length = sample.prediction.count
      let prediction = counter.counts(sample.prediction)
      let references = sample.references.map { counter.counts($0) }
      var counts = Counts()
      for n in 0..<4 {
        counts.guessed[n] = max(0, length - n)
        for (gram, count) in prediction[n] {
          let most = references.map { $0[n][gram] ?? 0 }.max() ?? 0
          counts.correct[n] += min(count, most)
        }
      }
      counts.predictionLength = length
      counts.referenceLength =
        sample.references.map(\.count).min { (abs($0 - length), $0) < (abs($1 - length), $1) } ?? 0
      return counts
    }
  }

  /// BLEU-1 to BLEU-4 of the whole set. An empty set scores 0.
  public static func corpus(_ samples: [CaptionSample]) -> [Double] { corpus(counts(samples)) }

  /// BLEU-1 to BLEU-4 of samples already counted.
  public static func corpus(_ counts: [Counts]) -> [Double] {
    guard !counts.isEmpty else { return [0, 0, 0, 0] }
    return counts.reduce(into: Counts()) { $0 += $1 }.scores
  }
}
