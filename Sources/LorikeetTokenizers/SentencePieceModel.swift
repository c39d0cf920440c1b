// SPDX-License-Identifier: Apache-2.0

/// The pieces of a SentencePiece model and its two ways to cut text into them.
///
/// Source: "SentencePiece: A simple and language independent subword tokenizer and detokenizer for
/// Neural Text Processing", Kudo, Richardson, 2018, https://arxiv.org/abs/1808.06226.
struct SentencePieceModel: TokenizerModel {
  /// What a piece is for.
  enum Kind: Sendable { case normal, unknown, control, userDefined, unused, byte }

  enum Method: Sendable {
    case unigram(UnigramSearch)
    case bytePairs
  }

  let vocabulary: Vocabulary
  private let kinds: [Kind]
  private let scores: [Float]
  private let unknown: Int
  private let byteTokens: ByteTokens?
  private let method: Method
  /// The pieces that are cut out before any merging.
  private let userDefined: TokenTrie

  /// - Parameters:
  ///   - kinds: one for each id; likewise `scores`, which are finite.
  ///   - unknown: the id of the unknown piece.
  ///   - byteTokens: if unknown characters become bytes, a piece for each.
  init(
    vocabulary: Vocabulary, kinds: [Kind], scores: [Float], unknown: Int, byteTokens: ByteTokens?,
    userDefined: TokenTrie, isUnigram: Bool
  ) {
    self.vocabulary = vocabulary
    self.kinds = kinds
    self.scores = scores
    self.unknown = unknown
    self.byteTokens = byteTokens
    self.userDefined = userDefined
    method =
      isUnigram ? .unigram(Self.search(vocabulary, kinds: kinds, scores: scores)) : .bytePairs
  }

  private static func search(
    _ vocabulary: Vocabulary, kinds: [Kind], scores: [Float]
  ) -> UnigramSearch {
    var tokens: [(text: [UInt8], value: Int)] = []
    var pathScores = scores.map(Double.init)
    let normal = scores.indices.filter { kinds[$0] == .normal }
    for id in scores.indices where kinds[id] == .normal || kinds[id] == .userDefined {
      guard let text = vocabulary.token(of: id) else { continue }
      tokens.append((text, id))
      // One that the user defined is to be preferred to others, the more the longer it is.
      if kinds[id] == .userDefined { pathScores[id] = Double(0.1 as Float * Float(text.count - 1)) }
    }
    let lowest = normal.reduce(Float.greatestFiniteMagnitude) { min($0, scores[$1]) }
    return UnigramSearch(
      tokens: tokens, scores: pathScores, lowestScore: Double(lowest), roundsSums: true)
  }

  func tokenize(
    _ text: [UInt8], _ range: Range<Int>, _ cache: inout PieceCache, _ ids: inout [Int]
  ) {
    if cache.find(text, range, &ids) { return }
    let start = ids.count
    var previousIsUnknown = false
    func append(_ id: Int, _ part: Range<Int>) {
      guard id == UnigramSearch.unknown || id == unknown else {
        if kinds[id] != .control { ids.append(id) }
        previousIsUnknown = false
        return
      }
      if let bytes = byteTokens?.ids(of: text, part) {
        ids.append(contentsOf: bytes)
      } else if !previousIsUnknown {
        ids.append(unknown)
      }
      previousIsUnknown = true
    }
    switch method {
    case .unigram(let search): search.forEachToken(in: text, range, append)
    case .bytePairs: forEachPair(in: text, range, append)
    }
    cache.remember(text, range, ids[start...])
  }

  // MARK: Byte pairs

  /// The id of a piece that text can merge into.
  private func mergedID(_ text: [UInt8], _ range: Range<Int>) -> Int? {
    guard let id = vocabulary.id(of: text, range) else { return nil }
    return switch kinds[id] {
    case .normal, .userDefined, .unused: id
    case .unknown, .control, .byte: nil
    }
  }

  /// Joins the two neighbours that make the piece with the highest score, again and again; of
  /// equals the leftmost first.
  private func forEachPair(
    in text: [UInt8], _ range: Range<Int>, _ found: (_ id: Int, _ range: Range<Int>) -> Void
  ) {
    var symbols = symbols(text, range)
    /// How many bytes of an unused piece came from the left; it is cut there again.
    var cuts: [Int: Int] = [:]
    var heap = BinaryHeap<PieceCandidate>()
    func push(_ left: Int, _ right: Int) {
      guard left >= 0, right >= 0, !symbols[left].isFrozen, !symbols[right].isFrozen else { return }
      let joined = symbols[left].range.lowerBound..<symbols[right].range.upperBound
      guard let id = mergedID(text, joined) else { return }
      heap.push(
        PieceCandidate(score: scores[id], left: left, right: right, length: joined.count))
      if kinds[id] == .unused { cuts[id] = symbols[left].range.count }
    }
    for index in symbols.indices.dropFirst() { push(index - 1, index) }
    while let candidate = heap.pop() {
      let (left, right) = (candidate.left, candidate.right)
      let (first, second) = (symbols[left].range, symbols[right].range)
      guard !first.isEmpty, !second.isEmpty, first.count + second.count == candidate.length
      else { continue }
      symbols[left].range = first.lowerBound..<second.upperBound
      symbols[right].range = second.upperBound..<second.upperBound
      symbols[left].next = symbols[right].next
      if symbols[left].next >= 0 { symbols[symbols[left].next].previous = left }
      push(symbols[left].previous, left)
      push(left, symbols[left].next)
    }
    for symbol in symbols where !symbol.range.isEmpty {
      resegment(text, symbol.range, cuts, found)
    }
  }

  /// Gives a piece; one that is unused in the two parts it was made from.
  private func resegment(
    _ text: [UInt8], _ range: Range<Int>, _ cuts: [Int: Int],
    _ found: (_ id: Int, _ range: Range<Int>) -> Void
  ) {
    var open = [range]
    while let range = open.popLast() {
      let id = vocabulary.id(of: text, range) ?? unknown
      if kinds[id] == .unused, let cut = cuts[id], cut > 0, cut < range.count {
        open.append(range.lowerBound + cut..<range.upperBound)
        open.append(range.lowerBound..<range.lowerBound + cut)
      } else {
        found(id, range)
      }
    }
  }

  /// Single characters, and the pieces that users defined.
  private func symbols(_ text: [UInt8], _ range: Range<Int>) -> [PieceSymbol] {
    var symbols: [PieceSymbol] = []
    symbols.reserveCapacity(range.count)
    var start = range.lowerBound
    while start < range.upperBound {
      let match = userDefined.longestMatch(in: text, at: start, end: range.upperBound)
      let next = match?.range.upperBound ?? text.scalar(at: start, end: range.upperBound).next
      symbols.append(
        PieceSymbol(
          range: start..<next, isFrozen: match != nil, previous: symbols.count - 1,
          next: next < range.upperBound ? symbols.count + 1 : -1))
      start = next
    }
    return symbols
  }
}

/// A stretch of text among its neighbours; empty when it was merged into the one before.
private struct PieceSymbol {
  var range: Range<Int>
  let isFrozen: Bool
  var previous: Int
  var next: Int
}

/// A possible merge; the one with the highest score comes first, of equals the leftmost.
private struct PieceCandidate: Comparable {
  let score: Float
  let left: Int
  let right: Int
  /// In bytes, when it was found; if it is another now, the merge no longer holds.
  let length: Int

  static func < (left: PieceCandidate, right: PieceCandidate) -> Bool {
    left.score == right.score ? left.left < right.left : left.score > right.score
  }
}
