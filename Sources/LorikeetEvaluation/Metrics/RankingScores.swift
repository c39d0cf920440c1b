// SPDX-License-Identifier: Apache-2.0

/// Scores of probabilities rather than of decisions.
public enum RankingScores {
  /// The area under the ROC curve of a binary classifier, in `0 ... 1`.
  ///
  /// The probability that a positive sample scores above a negative one, ties counting half: (sum
  /// of the positives' mid-ranks - p (p + 1) / 2) / (p n) for p positives and n negatives.
  ///
  /// Source: Hanley and McNeil, "The Meaning and Use of the Area under a ROC Curve", 1982.
  /// - Returns: nil unless both classes occur and every score is a number.
  /// - Throws: `MetricError.lengthMismatch`.
  public static func auroc(positive: [Bool], scores: [Double]) throws(MetricError) -> Double? {
    try MetricError.checkEqual("labels", positive.count, "scores", scores.count)
    let positives = positive.count { $0 }
    let negatives = positive.count - positives
    guard positives > 0, negatives > 0, !scores.contains(where: \.isNaN) else { return nil }
    let order = scores.indices.sorted { scores[$0] < scores[$1] }
    var rankSum = 0.0
    var start = 0
    while start < order.count {
      var end = start
      while end < order.count, scores[order[end]] == scores[order[start]] { end += 1 }
      // The ranks start + 1 ... end share their mean.
      let rank = Double(start + 1 + end) / 2
      rankSum += rank * Double(order[start..<end].count { positive[$0] })
      start = end
    }
    let p = Double(positives)
    return (rankSum - p * (p + 1) / 2) / (p * Double(negatives))
  }

  /// The expected calibration error, in `0 ... 1`: Σ over bins of the share of samples in the bin
  /// times |accuracy - mean confidence| there, over equally wide bins of confidence, open below.
  ///
  /// Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3.
  /// - Parameter confidences: the probability given to the predicted class, in `0 ... 1`; others
  ///   are moved to the nearer end.
  /// - Returns: nil without samples or if a confidence is not a number.
  /// - Throws: `MetricError.lengthMismatch`.
  public static func expectedCalibrationError(
    confidences: [Double], correct: [Bool], bins: Int = 15
  ) throws(MetricError) -> Double? {
    try MetricError.checkEqual("confidences", confidences.count, "outcomes", correct.count)
    guard !confidences.isEmpty, !confidences.contains(where: \.isNaN) else { return nil }
    let bins = max(bins, 1)
    var gaps = [Double](repeating: 0, count: bins)
    for (confidence, isCorrect) in zip(confidences, correct) {
      let value = min(max(confidence, 0), 1)
      let bin = min(max(Int((value * Double(bins)).rounded(.up)) - 1, 0), bins - 1)
      gaps[bin] += (isCorrect ? 1 : 0) - value
    }
    return gaps.reduce(0) { $0 + abs($1) } / Double(confidences.count)
  }
}
