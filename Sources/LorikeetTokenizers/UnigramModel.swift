// SPDX-License-Identifier: Apache-2.0

/// The unigram model of tokenizer.json: of all ways to cut a piece into tokens, the likeliest.
struct UnigramModel: TokenizerModel {
  let vocabulary: Vocabulary
  /// Stands for runs of characters that the vocabulary lacks; without it they are left out.
  private let unknown: Int?
  private let byteTokens: ByteTokens?
  private let search: UnigramSearch

  /// - Parameters:
  ///   - scores: one for each id; finite.
  ///   - byteFallback: whether unknown characters become `<0x..>` tokens.
  init(vocabulary: Vocabulary, scores: [Double], unknown: Int?, byteFallback: Bool) {
    self.vocabulary = vocabulary
    self.unknown = unknown
    byteTokens = byteFallback ? ByteTokens(vocabulary) : nil
    let tokens = scores.indices.compactMap { id in
      vocabulary.token(of: id).map { (text: $0, value: id) }
    }
    search = UnigramSearch(
      tokens: tokens, scores: scores, lowestScore: scores.min() ?? 0, roundsSums: false)
  }

  func tokenize(
    _ text: [UInt8], _ range: Range<Int>, _ cache: inout PieceCache, _ ids: inout [Int]
  ) {
    if cache.find(text, range, &ids) { return }
    let start = ids.count
    var run: Range<Int>?
    search.forEachToken(in: text, range) { id, part in
      if id == UnigramSearch.unknown || id == unknown {
        run = (run?.lowerBound ?? part.lowerBound)..<part.upperBound
      } else {
        if let run { appendUnknown(text, run, &ids) }
        run = nil
        ids.append(id)
      }
    }
    if let run { appendUnknown(text, run, &ids) }
    cache.remember(text, range, ids[start...])
  }

  private func appendUnknown(_ text: [UInt8], _ run: Range<Int>, _ ids: inout [Int]) {
    // Several tokens that are the unknown one can spell a token.
    if let id = vocabulary.id(of: text, run) {
      ids.append(id)
    } else if let tokens = byteTokens?.ids(of: text, run) {
      ids.append(contentsOf: tokens)
    } else if let unknown {
      ids.append(unknown)
    }
  }
}

/// The ids of the tokens `<0x00>` to `<0xFF>`.
struct ByteTokens: Sendable {
  /// -1 where there is none.
  private let tokens: [Int32]

  init(_ vocabulary: Vocabulary) {
    tokens = (0...255).map { (byte: UInt8) in
      vocabulary.id(of: ByteFallback.token(of: byte)).map(Int32.init) ?? -1
    }
  }

  /// Whether there is a token for every byte.
  var isComplete: Bool { tokens.allSatisfy { $0 >= 0 } }

  /// A token for each byte; nil if one is missing.
  func ids(of text: [UInt8], _ range: Range<Int>) -> [Int]? {
    let ids = range.map { Int(tokens[Int(text[$0])]) }
    return ids.allSatisfy { $0 >= 0 } ? ids : nil
  }
}
