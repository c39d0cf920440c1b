// SPDX-License-Identifier: Apache-2.0

/// A predicted caption and the captions it is held against, split into words.
public struct CaptionSample: Sendable, Equatable {
  public let prediction: [String]
  /// At least one.
  public let references: [[String]]

  /// Tokenises the captions as coco-caption does.
  ///
  /// - Throws: `MetricError.noReferences` if `references` is empty.
  public init(prediction: String, references: [String]) throws(MetricError) {
    guard !references.isEmpty else { throw .noReferences(prediction: prediction) }
    self.prediction = CaptionTokenizer.tokens(prediction)
    self.references = references.map(CaptionTokenizer.tokens)
  }

  /// Takes words as they are.
  ///
  /// - Throws: `MetricError.noReferences` if `references` is empty.
  public init(words prediction: [String], references: [[String]]) throws(MetricError) {
    guard !references.isEmpty else {
      throw .noReferences(prediction: prediction.joined(separator: " "))
    }
    self.prediction = prediction
    self.references = references
  }
}

/// 1 to 4 word numbers in order; unused places hold -1.
typealias NGram = SIMD4<Int32>

/// Numbers words and counts the n-grams of captions, n from 1 to 4.
struct NGramCounter {
  private var numbers: [String: Int32] = [:]

  /// For n - 1 from 0 to 3, how often each n-gram occurs.
  mutating func counts(_ words: [String]) -> [[NGram: Int]] {
    let numbers = words.map { number(of: $0) }
    return (1...4).map { length in
      var counts: [NGram: Int] = [:]
      guard numbers.count >= length else { return counts }
      for start in 0...(numbers.count - length) {
        var key = NGram(repeating: -1)
        for i in 0..<length { key[i] = numbers[start + i] }
        counts[key, default: 0] += 1
      }
      return counts
    }
  }

  private mutating func number(of word: String) -> Int32 {
    if let number = numbers[word] { return number }
    let number = Int32(truncatingIfNeeded: numbers.count)
    numbers[word] = number
    return number
  }
}
