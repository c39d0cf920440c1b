// SPDX-License-Identifier: Apache-2.0

/// Finds the tokens of a text whose scores, which are logarithms of probabilities, add up to the
/// most: Viterbi's algorithm over the places between characters.
///
/// Source: "Subword Regularization: Improving Neural Network Translation Models with Multiple
/// Subword Candidates", Kudo, 2018, https://arxiv.org/abs/1804.10959, section 3.2.
struct UnigramSearch: Sendable {
  /// What stands for an unknown character in a path.
  static let unknown = -1
  /// How much worse than the worst token an unknown character is.
  static let unknownPenalty = 10.0

  private let tree: PrefixTree
  /// The score of each id.
  private let scores: [Double]
  private let unknownScore: Double
  /// SentencePiece keeps sums as 32-bit numbers, which decides between paths that are nearly equal.
  private let roundsSums: Bool

  /// - Parameters:
  ///   - tokens: those to look for, with their ids, which are indices of `scores`.
  ///   - lowestScore: of the tokens that count; an unknown character scores less by the penalty.
  init(
    tokens: [(text: [UInt8], value: Int)], scores: [Double], lowestScore: Double, roundsSums: Bool
  ) {
    tree = PrefixTree(tokens)
    self.scores = scores
    self.roundsSums = roundsSums
    let score = lowestScore - UnigramSearch.unknownPenalty
    unknownScore = roundsSums ? Double(Float(score)) : score
  }

  /// The best way to a place in the text.
  private struct Arrival {
    /// Where its last token begins; -1 while there is no way.
    var start = -1
    var id = UnigramSearch.unknown
    var score = 0.0
  }

  /// Calls `found` with the tokens of `text[range]` from left to right; each unknown character is a
  /// token of its own, `unknown`.
  func forEachToken(
    in text: [UInt8], _ range: Range<Int>, _ found: (_ id: Int, _ range: Range<Int>) -> Void
  ) {
    let base = range.lowerBound
    var arrivals = [Arrival](repeating: Arrival(), count: range.count + 1)
    func offer(_ id: Int, _ score: Double, _ start: Int, _ end: Int) {
      let exact = score + arrivals[start - base].score
      let sum = roundsSums ? Double(Float(exact)) : exact
      let known = arrivals[end - base]
      if known.start >= 0, sum <= known.score { return }
      arrivals[end - base] = Arrival(start: start, id: id, score: sum)
    }
    var start = base
    while start < range.upperBound {
      let next = text.scalar(at: start, end: range.upperBound).next
      var isKnown = false
      tree.forEachMatch(in: text, from: start, to: range.upperBound) { end, id in
        offer(id, scores[id], start, end)
        if end == next { isKnown = true }
      }
      if !isKnown { offer(UnigramSearch.unknown, unknownScore, start, next) }
      start = next
    }
    var path: [Int] = []
    var end = range.upperBound
    while end > base {
      path.append(end)
      end = arrivals[end - base].start
    }
    for end in path.reversed() {
      let arrival = arrivals[end - base]
      found(arrival.id, arrival.start..<end)
    }
  }
}
