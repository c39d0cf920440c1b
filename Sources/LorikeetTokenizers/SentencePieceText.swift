// SPDX-License-Identifier: Apache-2.0

/// What SentencePiece does to a text before it is cut into pieces, and undoes after.
struct SentencePieceSettings: Sendable {
  /// The visible character that stands for a space, U+2581.
  static let visibleSpace: [UInt8] = [0xE2, 0x96, 0x81]

  /// A space is put before the text, so that a word is the same at its beginning and further on.
  var addsDummyPrefix = true
  /// Spaces at the ends go, and of several in a row all but one.
  var removesExtraSpaces = true
  /// Spaces become visible.
  var escapesSpaces = true
  /// The dummy space is put behind the text instead.
  var spaceIsSuffix = false
  /// Only what stands at the very beginning of a text gets the dummy space, not what follows an
  /// added token.
  var prefixesFirstOnly = false
  /// The rules that rewrite characters.
  var charsmap: Charsmap?
  /// Pieces that users defined stand as they are.
  var userDefined = TokenTrie()
  /// The unknown piece, and what it decodes to.
  var unknown: (piece: [UInt8], surface: [UInt8]) = ([], [])
  /// Pieces such as `<0x41>` stand for bytes.
  var byteFallback = false
}

/// SentencePiece's normalisation; as a pre-tokenizer, because these know where a text begins.
struct SentencePiecePreTokenizer: PreTokenizer {
  let settings: SentencePieceSettings

  func split(_ pieces: Pieces) -> Pieces {
    pieces.rewritten { text, range, isFirst, result in
      normalize(text, range, isFirst, &result)
    }
  }

  private func normalize(
    _ text: [UInt8], _ range: Range<Int>, _ isFirst: Bool, _ result: inout [UInt8]
  ) {
    let removes = settings.removesExtraSpaces
    let begin = result.count
    var position = range.lowerBound
    if removes {
      while position < range.upperBound {
        let (replacement, next) = rewritten(text, position, range.upperBound)
        guard replacement.elementsEqual([0x20]) else { break }
        position = next
      }
    }
    guard position < range.upperBound else { return }
    let space = settings.escapesSpaces ? SentencePieceSettings.visibleSpace : [0x20]
    let adds = settings.addsDummyPrefix && (isFirst || !settings.prefixesFirstOnly)
    if adds, !settings.spaceIsSuffix { result.append(contentsOf: space) }
    var previousIsSpace = removes
    while position < range.upperBound {
      let (rewritten, next) = self.rewritten(text, position, range.upperBound)
      let replacement = previousIsSpace ? rewritten.drop { $0 == 0x20 } : rewritten
      for byte in replacement {
        if byte == 0x20 { result.append(contentsOf: space) } else { result.append(byte) }
      }
      if let last = replacement.last { previousIsSpace = removes && last == 0x20 }
      position = next
    }
    if removes {
      while result.count - begin >= space.count, result.suffix(space.count).elementsEqual(space) {
        result.removeLast(space.count)
      }
    }
    if adds, settings.spaceIsSuffix { result.append(contentsOf: space) }
  }

  /// What stands for the text at `start`, and where that text ends.
  private func rewritten(
    _ text: [UInt8], _ start: Int, _ end: Int
  ) -> (text: ArraySlice<UInt8>, next: Int) {
    if let match = settings.userDefined.longestMatch(in: text, at: start, end: end) {
      return (text[match.range], match.range.upperBound)
    }
    if let match = settings.charsmap?.longestMatch(in: text, start, end) {
      return (match.text, match.end)
    }
    let next = text.scalar(at: start, end: end).next
    return (text[start..<next], next)
  }
}

/// Makes text of pieces: bytes become characters, visible spaces become spaces, and those at the
/// beginning go.
struct SentencePieceDecoder: TokenDecoder {
  let settings: SentencePieceSettings

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var run: [UInt8] = []
    var isEmpty = true
    /// Whether the beginning's space has not been taken away yet.
    var takesSpace = settings.addsDummyPrefix || settings.removesExtraSpaces
    func append(_ text: [UInt8]) {
      guard !text.isEmpty else { return }
      result.append(text)
      isEmpty = false
    }
    func flush() {
      append(characters(run))
      run.removeAll()
    }
    let pattern = LiteralPattern(literal: SentencePieceSettings.visibleSpace)
    for token in tokens {
      if settings.byteFallback, let byte = ByteFallback.byte(of: token) {
        run.append(byte)
        continue
      }
      flush()
      if token == settings.unknown.piece {
        append(settings.unknown.surface)
        continue
      }
      var text = token
      if takesSpace, isEmpty, text.starts(with: SentencePieceSettings.visibleSpace) {
        text.removeFirst(SentencePieceSettings.visibleSpace.count)
        takesSpace = settings.removesExtraSpaces
      }
      append(replace(in: text, pattern, with: [0x20]))
    }
    flush()
    return result
  }

  /// The bytes with U+FFFD for each that is no part of a character.
  private func characters(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      let next = bytes.scalar(at: index, end: bytes.count).next
      let character = bytes[index..<next]
      if String(validating: character, as: UTF8.self) != nil {
        result.append(contentsOf: character)
        index = next
      } else {
        result.append(contentsOf: [0xEF, 0xBF, 0xBD])
        index += 1
      }
    }
    return result
  }
}
