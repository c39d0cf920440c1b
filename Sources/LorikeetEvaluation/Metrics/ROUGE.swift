// SPDX-License-Identifier: Apache-2.0

/// ROUGE-L of captions.
///
/// score = (1 + β²) P R / (R + β² P) with β = 1.2, where L is the longest common subsequence of
/// words, P = L / words of the prediction and R = L / words of the reference, each the largest over
/// the references.
///
/// Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004, section 3; the
/// maxima over references and β as in coco-caption. As there, an empty caption counts as one empty
/// word.
public enum ROUGE {
  /// The score of one sample, in `0 ... 1`.
  public static func l(_ sample: CaptionSample, beta: Double = 1.2) -> Double {
    let prediction = sample.prediction.isEmpty ? [""] : sample.prediction
    var precision = 0.0
    var recall = 0.0
    for words in sample.references {
      let reference = words.isEmpty ? [""] : words
      let common = Double(longestCommonSubsequence(prediction, reference))
      precision = max(precision, common / Double(prediction.count))
      recall = max(recall, common / Double(reference.count))
    }
    guard precision > 0, recall > 0 else { return 0 }
    let square = beta * beta
    return (1 + square) * precision * recall / (recall + square * precision)
  }

  /// The length of the longest sequence of words that both hold in order, with gaps allowed.
  package static func longestCommonSubsequence(_ a: [String], _ b: [String]) -> Int {
    var lengths = [Int](repeating: 0, count: b.count + 1)
    for word in a {
      var diagonal = 0
      for j in 0..<b.count {
        let above = lengths[j + 1]
        lengths[j + 1] = word == b[j] ? diagonal + 1 : max(above, lengths[j])
        diagonal = above
      }
    }
    return lengths[b.count]
  }
}
