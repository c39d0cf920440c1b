// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// CIDEr and CIDEr-D of captions.
///
/// Each caption becomes, for each n from 1 to 4, a vector over n-grams of count · (ln N - ln df): N
/// is the number of samples, df in how many of them some reference has the n-gram (at least 1).
///
/// - `plain`: CIDEr = 10 · mean over n and references of the cosine of prediction and reference.
/// - `d`: CIDEr-D also clips the prediction's entries to the reference's and multiplies by
///   exp(-(l - l')² / 2σ²), l and l' the captions' numbers of bigrams and σ = 6. This is what
///   coco-caption prints under the name "CIDEr", and what papers report.
///
/// The document frequencies come from the references of the samples themselves, so scores of
/// different sets do not compare, and a set of one sample scores 0.
///
/// Source: Vedantam, Zitnick, Parikh, "CIDEr: Consensus-based Image Description Evaluation", CVPR
/// 2015, https://arxiv.org/abs/1411.5726, equations 1 to 4. Words are not stemmed, as in
/// coco-caption.
public enum CIDEr {
  public enum Variant: String, Sendable, CaseIterable {
    case plain = "CIDEr"
    case d = "CIDEr-D"
  }

  /// The score of each sample, in `0 ... 10`; the score of the set is their mean.
  public static func scores(
    _ samples: [CaptionSample], variant: Variant = .d, sigma: Double = 6
  ) -> [Double] {
    var counter = NGramCounter()
    let predictions = samples.map { counter.counts($0.prediction) }
    let references = samples.map { $0.references.map { counter.counts($0) } }

    var documents: [NGram: Int] = [:]
    for captions in references {
      let grams = captions.reduce(into: Set<NGram>()) { grams, caption in
        for counts in caption { grams.formUnion(counts.keys) }
      }
      for gram in grams { documents[gram, default: 0] += 1 }
    }

    let logSamples = log(Double(max(samples.count, 1)))
    func vector(_ counts: [[NGram: Int]]) -> Vector {
      Vector(counts) { logSamples - log(Double(documents[$0] ?? 1)) }
    }
    return zip(predictions, references).map { prediction, references in
      let predicted = vector(prediction)
      let sum = references.reduce(0.0) { sum, reference in
        sum + similarity(predicted, vector(reference), variant, sigma)
      }
      return references.isEmpty ? 0 : 10 * sum / Double(references.count)
    }
  }

  /// The mean over n of the (clipped) cosine, with the length penalty for CIDEr-D.
  private static func similarity(
    _ prediction: Vector, _ reference: Vector, _ variant: Variant, _ sigma: Double
  ) -> Double {
    var sum = 0.0
    for n in 0..<4 {
      var dot = 0.0
      for (gram, weight) in prediction.weights[n] {
        guard let other = reference.weights[n][gram] else { continue }
        dot += (variant == .d ? min(weight, other) : weight) * other
      }
      let norm = prediction.norms[n] * reference.norms[n]
      sum += norm > 0 ? dot / norm : dot
    }
    guard variant == .d else { return sum / 4 }
    let difference = Double(prediction.bigrams - reference.bigrams)
    return sum / 4 * exp(-difference * difference / (2 * sigma * sigma))
  }
}

/// A caption as weights of its n-grams.
private struct Vector {
  let weights: [[NGram: Double]]
  let norms: [Double]
  let bigrams: Int

  init(_ counts: [[NGram: Int]], inverseDocumentFrequency: (NGram) -> Double) {
    weights = counts.map { counts in
      Dictionary(
        uniqueKeysWithValues: counts.map {
          ($0.key, Double($0.value) * inverseDocumentFrequency($0.key))
        })
    }
    norms = weights.map { $0.values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    bigrams = counts[1].values.reduce(0, +)
  }
}
