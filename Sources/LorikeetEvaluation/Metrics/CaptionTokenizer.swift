// SPDX-License-Identifier: Apache-2.0

/// Splits captions into the words that caption metrics count.
///
/// Follows the Penn Treebank conventions as coco-caption applies them (Stanford `PTBTokenizer` with
/// `-lowerCase`, then its list of punctuation removed): lower case; `don't` becomes `do n't`,
/// `it's` becomes `it 's`, `cannot` becomes `can not`; quotes, dashes and `. ? ! , : ;` disappear;
/// hyphenated words, decimals, times and dotted abbreviations stay whole; brackets become `-lrb-`,
/// `-rrb-` and so on and stay, as they do there.
///
/// Source: Chen et al., "Microsoft COCO Captions: Data Collection and Evaluation Server", 2015,
/// https://arxiv.org/abs/1504.00325. An approximation by rules: it deviates on rare forms such as
/// fractions with a space, initials (`plan B.`), `C++` and emoticons.
public enum CaptionTokenizer {
  /// The words of one caption, in order; empty for a caption of punctuation alone.
  public static func tokens(_ caption: String) -> [String] {
    var words: [String] = []
    for chunk in caption.lowercased().unicodeScalars.split(whereSeparator: {
      $0.properties.isWhitespace || $0.value < 0x20
    }) {
      var scanner = ChunkScanner(Array(chunk))
      scanner.scan(into: &words)
    }
    return words
  }
}

/// Splits one run of characters without spaces.
private struct ChunkScanner {
  private let scalars: [Unicode.Scalar]
  private var position = 0

  init(_ scalars: [Unicode.Scalar]) {
    // Typographic apostrophes are contractions as well.
    self.scalars = scalars.map { $0 == "’" || $0 == "‘" ? "'" : $0 }
  }

  private func scalar(_ index: Int) -> Unicode.Scalar? {
    index >= 0 && index < scalars.count ? scalars[index] : nil
  }

  mutating func scan(into words: inout [String]) {
    while let current = scalar(position) {
      if isWordCharacter(current) || startsPrefixedWord() {
        words += contractions(of: word())
      } else if current == "'", let length = decadeLength() {
        words.append(text(position..<position + length))
        position += length
      } else if current == "<", let end = tagEnd() {
        words.append(text(position..<end))
        position = end
      } else if isEmphasis(current) {
        let start = position
        while let next = scalar(position), isEmphasis(next) { position += 1 }
        // A run such as `?!` is a word of its own there, and not in the list of punctuation.
        if position - start > 1 { words.append(text(start..<position)) }
      } else {
        if let replacement = replacements[current] {
          words.append(replacement)
        } else if !isDropped(current) {
          words.append(String(Character(current)))
        }
        position += 1
      }
    }
  }

  private func text(_ range: Range<Int>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars[range])
    return String(view)
  }

  /// `@name` and `.05`: the sign stays with the word.
  private func startsPrefixedWord() -> Bool {
    guard let next = scalar(position + 1) else { return false }
    switch scalars[position] {
    case "@": return isWordCharacter(next)
    case ".": return isDigit(next)
    default: return false
    }
  }

  /// `'90s`, `'n'`: forms that keep their apostrophe.
  private func decadeLength() -> Int? {
    func digit(_ offset: Int) -> Bool {
      scalar(position + offset).map { isDigit($0) } ?? false
    }
    if digit(1), digit(2), !digit(3) {
      return scalar(position + 3) == "s" ? 4 : 3
    }
    return scalar(position + 1) == "n" && scalar(position + 2) == "'" ? 3 : nil
  }

  /// The end of a markup tag that begins here, which counts as one word.
  private func tagEnd() -> Int? {
    guard let next = scalar(position + 1), isLetter(next) || next == "/",
      let end = scalars[position...].firstIndex(of: ">")
    else { return nil }
    return end + 1
  }

  private mutating func word() -> String {
    let start = position
    position += 1
    while let current = scalar(position) {
      if isWordCharacter(current) {
        position += 1
      } else if joins(current) {
        position += 2
      } else {
        break
      }
    }
    if scalar(position) == ".", isAbbreviation(start..<position) { position += 1 }
    return text(start..<position)
  }

  /// Whether the character stands inside a word, its neighbours on both sides belonging to the
  /// word.
  private func joins(_ current: Unicode.Scalar) -> Bool {
    guard let next = scalar(position + 1), isWordCharacter(next),
      let previous = scalar(position - 1)
    else { return false }
    switch current {
    case ",", ":": return isDigit(previous) && isDigit(next)
    case "'": return previous != "'" && isLetter(next)
    case ".", "-", "/", "@", "&": return true
    default: return false
    }
  }

  /// `u.s`, `e.g`, `mr`: what keeps the full stop that follows it.
  private func isAbbreviation(_ range: Range<Int>) -> Bool {
    let letters = scalars[range]
    let isDotted =
      letters.count >= 3 && letters.count % 2 == 1
      && letters.enumerated().allSatisfy {
        $0.offset % 2 == 0 ? isLetter($0.element) : $0.element == "."
      }
    return isDotted || abbreviations.contains(text(range))
  }

  private func contractions(of word: String) -> [String] {
    if let parts = splitWords[word] { return parts }
    var rest = word
    var tails: [String] = []
    while let tail = contractionTails.first(where: { rest.hasSuffix($0) && rest != $0 }) {
      tails.append(tail)
      rest.removeLast(tail.count)
    }
    return [rest] + tails.reversed()
  }
}

private func isLetter(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isAlphabetic }

private func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar.value >= 48 && scalar.value <= 57 }

private func isWordCharacter(_ scalar: Unicode.Scalar) -> Bool {
  if isLetter(scalar) || scalar == "_" { return true }
  switch scalar.properties.generalCategory {
  case .decimalNumber, .letterNumber, .otherNumber, .nonspacingMark, .spacingMark: return true
  default: return false
  }
}

private func isEmphasis(_ scalar: Unicode.Scalar) -> Bool { scalar == "?" || scalar == "!" }

/// The punctuation that coco-caption removes, and what its tokeniser cannot read.
private func isDropped(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar {
  case ".", ",", ":", ";", "'", "`", "\"", "-", "–", "—", "…", "“", "”", "„", "«", "»":
    true
  default:
    scalar.value >= 0x1_0000 || scalar.properties.generalCategory == .control
      || scalar.properties.generalCategory == .format
  }
}

/// Brackets have names; currencies become the sign that stands for them in the Penn Treebank.
private let replacements: [Unicode.Scalar: String] = [
  "(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-",
  "€": "$", "£": "#",
]

private let contractionTails = ["n't", "'s", "'ll", "'re", "'ve", "'m", "'d"]

private let splitWords = [
  "cannot": ["can", "not"], "gonna": ["gon", "na"], "gotta": ["got", "ta"],
  "wanna": ["wan", "na"], "lemme": ["lem", "me"], "gimme": ["gim", "me"], "y'all": ["y'", "all"],
]

private let abbreviations: Set<String> = [
  "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "etc", "no", "gen", "col", "sgt", "capt",
  "lt", "rev", "sen", "rep", "gov", "inc", "corp", "co", "ltd", "mt", "ft", "ave", "blvd", "jan",
  "feb", "aug", "sept", "oct", "nov", "dec",
]
