// SPDX-License-Identifier: Apache-2.0

/// Splits a text into the pieces that the model turns into tokens, one after another.
protocol PreTokenizer: Sendable {
  func split(_ pieces: Pieces) -> Pieces
}

/// Runs of UTF-8 text, each a range of one array of bytes, in order.
struct Pieces {
  var bytes: [UInt8]
  var ranges: [Range<Int>]
  /// Whether the first piece stands at the very beginning of the text that is encoded.
  var startsText: Bool

  init(text: [UInt8], startsText: Bool) {
    bytes = text
    ranges = text.isEmpty ? [] : [0..<text.count]
    self.startsText = startsText
  }

  /// The same bytes, each piece cut by `body`, which gives the cuts in order; empty ones are
  /// dropped.
  func cut(_ body: ([UInt8], Range<Int>, (Range<Int>) -> Void) -> Void) -> Pieces {
    var result = self
    var ranges: [Range<Int>] = []
    ranges.reserveCapacity(self.ranges.count)
    for range in self.ranges {
      body(bytes, range) { if !$0.isEmpty { ranges.append($0) } }
    }
    result.ranges = ranges
    return result
  }

  /// Pieces with other bytes: `body` appends what shall stand for a piece.
  func rewritten(_ body: ([UInt8], Range<Int>, _ isFirst: Bool, inout [UInt8]) -> Void) -> Pieces {
    var result = self
    result.bytes = []
    result.bytes.reserveCapacity(bytes.count * 2)
    result.ranges = []
    result.ranges.reserveCapacity(ranges.count)
    for (index, range) in ranges.enumerated() {
      let start = result.bytes.count
      body(bytes, range, startsText && index == 0, &result.bytes)
      if result.bytes.count > start { result.ranges.append(start..<result.bytes.count) }
    }
    return result
  }

  /// The pieces as texts, for tests and messages.
  var texts: [String] { ranges.map { String(decoding: bytes[$0], as: UTF8.self) } }
}

/// Several pre-tokenizers in a row.
struct SequencePreTokenizer: PreTokenizer {
  let members: [any PreTokenizer]

  func split(_ pieces: Pieces) -> Pieces {
    members.reduce(pieces) { pieces, member in member.split(pieces) }
  }
}
