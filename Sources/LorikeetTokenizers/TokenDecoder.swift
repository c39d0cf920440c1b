// SPDX-License-Identifier: Apache-2.0

internal import LorikeetCheckpoints

/// Turns tokens back into text, as a list of parts that are joined in the end.
protocol TokenDecoder: Sendable {
  func decode(_ tokens: [[UInt8]]) -> [[UInt8]]
}

extension TokenDecoder {
  /// Whether a later token can change what runs of `<0x41>` tokens before it stand for.
  var joinsByteTokens: Bool {
    if let sequence = self as? SequenceDecoder {
      return sequence.members.contains { $0.joinsByteTokens }
    }
    return self is ByteFallbackDecoder
  }
}

/// Several decoders in a row.
struct SequenceDecoder: TokenDecoder {
  let members: [any TokenDecoder]

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    members.reduce(tokens) { tokens, member in member.decode(tokens) }
  }
}

/// Turns runs of `<0x41>` tokens into the text that their bytes are.
///
/// A run that is not UTF-8 becomes one U+FFFD for each byte.
struct ByteFallbackDecoder: TokenDecoder {
  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var run: [UInt8] = []
    func flush() {
      guard !run.isEmpty else { return }
      if String(validating: run, as: UTF8.self) != nil {
        result.append(run)
      } else {
        for _ in run { result.append([0xEF, 0xBF, 0xBD]) }
      }
      run.removeAll()
    }
    for token in tokens {
      if let byte = ByteFallback.byte(of: token) {
        run.append(byte)
      } else {
        flush()
        result.append(token)
      }
    }
    flush()
    return result
  }
}

/// The tokens that stand for single bytes: `<0x00>` to `<0xFF>`.
enum ByteFallback {
  static func token(of byte: UInt8) -> [UInt8] {
    let digits = Array("0123456789ABCDEF".utf8)
    return Array("<0x".utf8)
      + [digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: ">")]
  }

  static func byte(of token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">"),
      let high = JSONScanner.hexDigit(token[3]), let low = JSONScanner.hexDigit(token[4])
    else { return nil }
    return high << 4 | low
  }
}

/// Joins all parts into one.
struct FuseDecoder: TokenDecoder {
  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] { [Array(tokens.joined())] }
}

/// Replaces the matches of a pattern in each part.
struct ReplaceDecoder<Pattern: SplitPattern>: TokenDecoder {
  let pattern: Pattern
  let content: [UInt8]

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    tokens.map { replace(in: $0, pattern, with: content) }
  }
}

/// Takes up to so many of one character from the ends of each part.
struct StripDecoder: TokenDecoder {
  let content: [UInt8]
  let start: Int
  let stop: Int

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    tokens.map { token in
      var range = 0..<token.count
      for _ in 0..<start {
        guard token.has(content, at: range.lowerBound, end: range.upperBound) else { break }
        range = range.lowerBound + content.count..<range.upperBound
      }
      for _ in 0..<stop {
        let begin = range.upperBound - content.count
        guard begin >= range.lowerBound, token.has(content, at: begin, end: range.upperBound)
        else { break }
        range = range.lowerBound..<begin
      }
      return Array(token[range])
    }
  }
}

/// Turns the suffix that marks a word's end into a space, and drops the last one.
struct WordSuffixDecoder: TokenDecoder {
  let suffix: [UInt8]

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    let pattern = LiteralPattern(literal: suffix)
    return tokens.enumerated().map { position, token in
      replace(in: token, pattern, with: position == tokens.count - 1 ? [] : [0x20])
    }
  }
}
