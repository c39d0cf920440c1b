// SPDX-License-Identifier: Apache-2.0

/// SentencePiece's way with spaces: each becomes a visible character, which begins a piece.
struct MetaspacePreTokenizer: PreTokenizer {
  enum PrependScheme: String, Sendable, CaseIterable { case always, never, first }

  let replacement: [UInt8]
  let prependScheme: PrependScheme
  let splits: Bool

  func split(_ pieces: Pieces) -> Pieces {
    let marked = pieces.rewritten { text, range, isFirst, result in
      let prepends = prependScheme == .always || (prependScheme == .first && isFirst)
      let begins =
        text[range.lowerBound] == 0x20
        || text.has(replacement, at: range.lowerBound, end: range.upperBound)
      if prepends, !begins { result.append(contentsOf: replacement) }
      for index in range {
        if text[index] == 0x20 {
          result.append(contentsOf: replacement)
        } else {
          result.append(text[index])
        }
      }
    }
    guard splits else { return marked }
    let pattern = LiteralPattern(literal: replacement)
    return marked.cut { SplitBehavior.mergedWithNext.cut($0, $1, by: pattern, $2) }
  }
}

/// Turns the visible character back into spaces; those of the first token go, all of them, as in
/// the reference library.
struct MetaspaceDecoder: TokenDecoder {
  let replacement: [UInt8]
  let prependScheme: MetaspacePreTokenizer.PrependScheme

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    let pattern = LiteralPattern(literal: replacement)
    return tokens.enumerated().map { position, token in
      var result: [UInt8] = []
      pattern.forEachPart(in: token, 0..<token.count) { part, isMatch in
        if !isMatch {
          result.append(contentsOf: token[part])
        } else if position > 0 || prependScheme == .never {
          result.append(0x20)
        }
      }
      return result
    }
  }
}
