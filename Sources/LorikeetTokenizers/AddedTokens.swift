// SPDX-License-Identifier: Apache-2.0

/// A token that is found in the text as it stands, rather than by the model.
package struct AddedToken: Sendable, Equatable {
  package var id: Int
  package var content: String
  /// Left out by `decode` when special tokens are skipped.
  package var isSpecial: Bool
  /// Takes the white space before it.
  package var stripsLeft = false
  /// Takes the white space after it.
  package var stripsRight = false
  /// Only where no letter, digit or underscore touches it.
  package var isSingleWord = false
  /// Looked for in the normalised text, in its own normalised form.
  package var isNormalized = false
  /// Looked for in the text; one that is not is known by its id only.
  package var isLookedFor = true
}

/// All added tokens of a tokenizer, and the search for them.
struct AddedTokens: Sendable {
  private(set) var tokens: [AddedToken] = []
  private var indexByID: [Int: Int] = [:]
  /// What each token decodes to: one that is looked for in normalised text, to its normalised form.
  private var texts: [[UInt8]] = []
  private var vocabulary = Vocabulary()
  private var raw = TokenTrie()
  private var normalized = TokenTrie()

  init() {}

  init(_ tokens: [AddedToken], normalizer: (any Normalizer)?) {
    for token in tokens where !token.content.isEmpty {
      let bytes = Array(token.content.utf8)
      // Of tokens with one id the last is the one that is looked for.
      _ = vocabulary.insert(bytes, id: token.id)
      indexByID[token.id] = self.tokens.count
      self.tokens.append(token)
      texts.append(token.isNormalized ? normalizer?.normalize(bytes) ?? bytes : bytes)
      if !token.isLookedFor { continue }
      if token.isNormalized {
        normalized.insert(texts[texts.count - 1], self.tokens.count - 1)
      } else {
        raw.insert(bytes, self.tokens.count - 1)
      }
    }
  }

  /// One more than the highest id.
  var size: Int { vocabulary.size }

  func id(of content: [UInt8]) -> Int? { vocabulary.id(of: content) }

  subscript(id id: Int) -> AddedToken? { indexByID[id].map { tokens[$0] } }

  /// The text that an id decodes to, if an added token has it.
  func text(of id: Int) -> [UInt8]? { indexByID[id].map { texts[$0] } }

  /// A stretch of text, or a token found in it.
  enum Part {
    case text(Range<Int>)
    case token(Int)
  }

  /// Cuts out the tokens that are looked for in raw or in normalised text.
  func split(_ text: [UInt8], normalized isNormalized: Bool) -> [Part] {
    let trie = isNormalized ? normalized : raw
    guard !trie.isEmpty else { return text.isEmpty ? [] : [.text(0..<text.count)] }
    var parts: [Part] = []
    var done = 0
    var position = 0
    while let match = trie.nextMatch(in: text, from: position) {
      position = match.range.upperBound
      let token = tokens[match.value]
      var (start, end) = (match.range.lowerBound, match.range.upperBound)
      if token.isSingleWord, touchesWord(text, start, end) { continue }
      if token.stripsLeft { start = max(text.whiteSpaceStart(before: start, start: 0), done) }
      if token.stripsRight { end = text.whiteSpaceEnd(from: end, end: text.count) }
      if done < start { parts.append(.text(done..<start)) }
      parts.append(.token(token.id))
      done = end
    }
    if done < text.count { parts.append(.text(done..<text.count)) }
    return parts
  }

  private func touchesWord(_ text: [UInt8], _ start: Int, _ end: Int) -> Bool {
    let before =
      start > 0
      && CharacterClass.of(text.scalar(before: start, start: 0).scalar).contains(.word)
    let after =
      end < text.count
      && CharacterClass.of(text.scalar(at: end, end: text.count).scalar).contains(.word)
    return before || after
  }
}

/// Strings in a tree by their bytes; finds the leftmost, and of these the longest, in a text.
struct TokenTrie: Sendable {
  private var children: [UInt64: Int32] = [:]
  /// The value of the string that ends at a node, or -1.
  private var values: [Int32] = [-1]
  private var startsWith = [Bool](repeating: false, count: 256)

  var isEmpty: Bool { values.count == 1 }

  mutating func insert(_ text: [UInt8], _ value: Int) {
    guard let first = text.first else { return }
    startsWith[Int(first)] = true
    var node = 0
    for byte in text {
      let key = UInt64(node) << 8 | UInt64(byte)
      if let child = children[key] {
        node = Int(child)
      } else {
        children[key] = Int32(truncatingIfNeeded: values.count)
        node = values.count
        values.append(-1)
      }
    }
    values[node] = Int32(truncatingIfNeeded: value)
  }

  func nextMatch(in text: [UInt8], from start: Int) -> (range: Range<Int>, value: Int)? {
    var position = start
    while position < text.count {
      if let match = longestMatch(in: text, at: position, end: text.count) { return match }
      position += 1
    }
    return nil
  }

  /// The longest string that begins at `start` and does not go beyond `end`.
  func longestMatch(
    in text: [UInt8], at start: Int, end: Int
  ) -> (range: Range<Int>, value: Int)? {
    guard start < end, startsWith[Int(text[start])] else { return nil }
    var node = 0
    var best: (range: Range<Int>, value: Int)?
    for position in start..<end {
      guard let child = children[UInt64(node) << 8 | UInt64(text[position])] else { break }
      node = Int(child)
      if values[node] >= 0 { best = (start..<position + 1, Int(values[node])) }
    }
    return best
  }
}
