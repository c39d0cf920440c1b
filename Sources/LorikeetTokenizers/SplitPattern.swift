// SPDX-License-Identifier: Apache-2.0

/// Finds the matches of a regular expression or a fixed text.
protocol SplitPattern: Sendable {
  /// Calls `found` with each match in `range`, from left to right; matches do not overlap. What
  /// lies outside `range` does not exist for the pattern.
  func forEachMatch(in text: [UInt8], _ range: Range<Int>, _ found: (Range<Int>) -> Void)
}

extension SplitPattern {
  /// Calls `part` with each match and with what lies between.
  func forEachPart(
    in text: [UInt8], _ range: Range<Int>, _ part: (Range<Int>, _ isMatch: Bool) -> Void
  ) {
    var end = range.lowerBound
    forEachMatch(in: text, range) { match in
      if end < match.lowerBound { part(end..<match.lowerBound, false) }
      part(match, true)
      end = match.upperBound
    }
    if end < range.upperBound { part(end..<range.upperBound, false) }
  }
}

/// A fixed text, not empty.
struct LiteralPattern: SplitPattern {
  let literal: [UInt8]

  func forEachMatch(in text: [UInt8], _ range: Range<Int>, _ found: (Range<Int>) -> Void) {
    guard let first = literal.first else { return }
    var index = range.lowerBound
    while index < range.upperBound {
      if text[index] == first, text.has(literal, at: index, end: range.upperBound) {
        found(index..<index + literal.count)
        index += literal.count
      } else {
        index += 1
      }
    }
  }
}

/// Each scalar of some class, alone.
struct ScalarPattern: SplitPattern {
  let matches: @Sendable (UInt32) -> Bool

  func forEachMatch(in text: [UInt8], _ range: Range<Int>, _ found: (Range<Int>) -> Void) {
    var index = range.lowerBound
    while index < range.upperBound {
      let (scalar, next) = text.scalar(at: index, end: range.upperBound)
      if matches(scalar) { found(index..<next) }
      index = next
    }
  }
}

/// Where the matches of a pattern go.
enum SplitBehavior: String, Sendable, CaseIterable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"

  /// Cuts a piece into the parts that this behaviour makes of the matches.
  func cut(
    _ text: [UInt8], _ range: Range<Int>, by pattern: some SplitPattern, invert: Bool = false,
    _ keep: (Range<Int>) -> Void
  ) {
    var pending: Range<Int>?
    var previousIsMatch = false
    pattern.forEachPart(in: text, range) { (part, matched) in
      let isMatch = matched != invert
      let joins: Bool
      switch self {
      case .removed:
        if !isMatch { keep(part) }
        return
      case .isolated:
        keep(part)
        return
      case .mergedWithPrevious: joins = isMatch && !previousIsMatch
      case .mergedWithNext: joins = !isMatch && previousIsMatch
      case .contiguous: joins = isMatch == previousIsMatch
      }
      if let open = pending {
        if joins {
          pending = open.lowerBound..<part.upperBound
        } else {
          keep(open)
          pending = part
        }
      } else {
        pending = part
      }
      previousIsMatch = isMatch
    }
    if let pending { keep(pending) }
  }
}

/// Splits at a pattern: `Split`, `Digits`, `Punctuation`, `Whitespace` and the like of
/// tokenizer.json.
struct SplitPreTokenizer<Pattern: SplitPattern>: PreTokenizer {
  let pattern: Pattern
  let behavior: SplitBehavior
  var invert = false

  func split(_ pieces: Pieces) -> Pieces {
    pieces.cut { text, range, keep in
      behavior.cut(text, range, by: pattern, invert: invert, keep)
    }
  }
}
