// SPDX-License-Identifier: Apache-2.0

/// The split patterns of the well-known byte-level vocabularies, scanned by hand.
///
/// A regular expression engine spends most of the time of encoding on these few patterns. Each
/// function here says beside its code which alternative of the pattern it is; alternatives are
/// tried in the pattern's order.
struct PatternScanner: SplitPattern {
  enum Contractions {
    /// `'s|'t|'re|'ve|'m|'ll|'d`
    case lowerCase
    /// the same under `(?i:...)`
    case anyCase
  }

  enum Grammar {
    /// GPT-2.
    case gpt2
    /// GPT-4's kind, with at most so many digits together.
    case gpt4(digits: Int)
    /// CLIP: no spaces before words, digits one by one, white space is in no match.
    case clip
  }

  let grammar: Grammar
  let contractions: Contractions

  static let gpt2 = PatternScanner(grammar: .gpt2, contractions: .lowerCase)
  static let llama3 = PatternScanner(
    grammar: .gpt4(digits: 3), contractions: .anyCase)
  static let qwen2 = PatternScanner(
    grammar: .gpt4(digits: 1), contractions: .anyCase)

  /// The scanner for a pattern, recognised by its exact source.
  static func known(_ source: String) -> PatternScanner? { sources[source] }

  private static let sources: [String: PatternScanner] = [
    SplitSource.gpt2: .gpt2,
    #"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#: .gpt2,
    SplitSource.llama3: .llama3, SplitSource.gpt4: .llama3, SplitSource.qwen2: .qwen2,
    #"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"#:
      PatternScanner(grammar: .clip, contractions: .lowerCase),
  ]

  func forEachMatch(in text: [UInt8], _ range: Range<Int>, _ found: (Range<Int>) -> Void) {
    var index = range.lowerBound
    let end = range.upperBound
    while index < end {
      let (scalar, next) = text.scalar(at: index, end: end)
      if scalar == 0x27, let match = contraction(text, next, end) {
        found(index..<match)
        index = match
        continue
      }
      let match: Int
      switch grammar {
      case .gpt2: match = gpt2(text, index, scalar, next, end)
      case .gpt4(let digits): match = gpt4(text, index, scalar, next, end, digits)
      case .clip: match = clip(text, scalar, next, end)
      }
      if match > index { found(index..<match) }
      index = max(match, next)
    }
  }

  /// ` ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
  @inline(__always)
  private func gpt2(_ text: [UInt8], _ index: Int, _ scalar: UInt32, _ next: Int, _ end: Int) -> Int
  {
    var kind = CharacterClass.of(scalar)
    var after = next
    if scalar == 0x20, next < end {
      let (second, afterSecond) = text.scalar(at: next, end: end)
      (kind, after) = (CharacterClass.of(second), afterSecond)
    }
    if kind.contains(.space) { return spaces(text, index, end) }
    return run(text, after, end, like: kind)
  }

  /// `[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,d}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
  @inline(__always)
  private func gpt4(
    _ text: [UInt8], _ index: Int, _ scalar: UInt32, _ next: Int, _ end: Int, _ digits: Int
  ) -> Int {
    let kind = CharacterClass.of(scalar)
    if kind.contains(.letter) { return run(text, next, end, like: kind) }
    if kind.contains(.number) {
      var position = next
      var count = 1
      while count < digits, position < end {
        let (scalar, next) = text.scalar(at: position, end: end)
        guard CharacterClass.of(scalar).contains(.number) else { break }
        (position, count) = (next, count + 1)
      }
      return position
    }
    var second: CharacterClass = .space
    var afterSecond = end
    if next < end {
      let (scalar, after) = text.scalar(at: next, end: end)
      (second, afterSecond) = (CharacterClass.of(scalar), after)
    }
    if !kind.contains(.newline), second.contains(.letter) {
      return run(text, afterSecond, end, like: second)
    }
    // The optional space belongs to a run of symbols; a symbol itself begins one.
    let isSymbol = kind.isDisjoint(with: [.space, .letter, .number])
    if isSymbol || (scalar == 0x20 && second.isDisjoint(with: [.space, .letter, .number])) {
      var position = run(text, isSymbol ? next : afterSecond, end, like: [])
      while position < end, text[position] == 0x0A || text[position] == 0x0D { position += 1 }
      return position
    }
    if let match = spacesToNewline(text, index, end) { return match }
    return spaces(text, index, end)
  }

  /// `[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`; an empty match for white space.
  @inline(__always)
  private func clip(_ text: [UInt8], _ scalar: UInt32, _ next: Int, _ end: Int) -> Int {
    let kind = CharacterClass.of(scalar)
    if kind.contains(.space) { return 0 }
    return kind.contains(.number) ? next : run(text, next, end, like: kind)
  }

  /// The end of a run of letters, of numbers, or of what is neither these nor white space.
  @inline(__always)
  private func run(_ text: [UInt8], _ start: Int, _ end: Int, like kind: CharacterClass) -> Int {
    let mask: CharacterClass = [.letter, .number, .space]
    let wanted = kind.intersection(mask)
    var position = start
    while position < end {
      let (scalar, next) = text.scalar(at: position, end: end)
      if CharacterClass.of(scalar).intersection(mask) != wanted { break }
      position = next
    }
    return position
  }

  /// `\s+(?!\S)|\s+`: all the white space, but for the last character if text follows and it is not
  /// the only one.
  private func spaces(_ text: [UInt8], _ start: Int, _ end: Int) -> Int {
    var position = start
    var last = start
    while position < end {
      let (scalar, next) = text.scalar(at: position, end: end)
      guard CharacterClass.of(scalar).contains(.space) else { break }
      (last, position) = (position, next)
    }
    return position == end || last == start ? position : last
  }

  /// `\s*[\r\n]+` or `\s*[\r\n]`, which end at the same place: the last line break of the white
  /// space.
  private func spacesToNewline(_ text: [UInt8], _ start: Int, _ end: Int) -> Int? {
    var position = start
    var match: Int?
    while position < end {
      let (scalar, next) = text.scalar(at: position, end: end)
      let kind = CharacterClass.of(scalar)
      guard kind.contains(.space) else { break }
      if kind.contains(.newline) { match = next }
      position = next
    }
    return match
  }

  /// The end of `s`, `t`, `re`, `ve`, `m`, `ll` or `d` at `start`, which follows an apostrophe.
  private func contraction(_ text: [UInt8], _ start: Int, _ end: Int) -> Int? {
    guard start < end else { return nil }
    let first = folded(text[start])
    switch first {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
      return start + 1
    case UInt8(ascii: "r"), UInt8(ascii: "v"), UInt8(ascii: "l"):
      guard start + 1 < end else { return nil }
      let second = first == UInt8(ascii: "l") ? first : UInt8(ascii: "e")
      return folded(text[start + 1]) == second ? start + 2 : nil
    case 0xC5:
      // The long s (U+017F, C5 BF) is an s in another case.
      let isLongS = contractions == .anyCase && start + 1 < end && text[start + 1] == 0xBF
      return isLongS ? start + 2 : nil
    default:
      return nil
    }
  }

  private func folded(_ byte: UInt8) -> UInt8 {
    let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    return contractions == .anyCase && isUpper ? byte | 0x20 : byte
  }
}
