// SPDX-License-Identifier: Apache-2.0

/// Learns a small byte-level vocabulary from texts and writes it as a tokenizer.json.
///
/// Starts from the 256 bytes and joins the most frequent pair of neighbours, again and again; of
/// pairs equally frequent the one with the lower ids. The same texts always give the same file.
///
/// Source: "Neural Machine Translation of Rare Words with Subword Units", Sennrich, Haddow, Birch,
/// 2016, https://arxiv.org/abs/1508.07909, algorithm 1; on bytes as GPT-2 does.
///
/// Cost: all distinct words are kept in memory; time grows with their total length.
public struct BPETrainer: Sendable {
  /// How texts are cut into words, over whose borders nothing is merged.
  public enum Splitting: Sendable, CaseIterable {
    /// Digits one by one, then GPT-2's pattern.
    case digits
    /// GPT-2's pattern.
    case gpt2
  }

  /// Tokens in all: special ones, 256 bytes and merges. Fewer come out if the texts have no more
  /// pairs.
  public var vocabularySize: Int
  /// Tokens found in the text as they stand; they get the first ids.
  public var specialTokens: [String]
  /// Pairs less frequent than this are not merged.
  public var minimumFrequency = 2
  public var splitting = Splitting.digits

  public init(vocabularySize: Int, specialTokens: [String]) {
    self.vocabularySize = vocabularySize
    self.specialTokens = specialTokens
  }

  /// Learns from texts.
  ///
  /// - Returns: a tokenizer.json, which the reference library opens too.
  /// - Throws: `TokenizerError.invalidValue` if the size is too small for the bytes and the special
  ///   tokens, or a special token is empty, given twice, or a single byte's character.
  public func train(_ texts: some Sequence<String>) throws(TokenizerError) -> String {
    var state = try TrainingState(self)
    state.count(texts, splitting: splitting)
    state.merge(until: vocabularySize, minimumFrequency: minimumFrequency)
    return file(state)
  }

  // MARK: Writing

  private func file(_ state: TrainingState) -> String {
    let added = specialTokens.enumerated().map { id, content in
      """
      {"id": \(id), "content": \(quoted(content)), "single_word": false, "lstrip": false, \
      "rstrip": false, "normalized": false, "special": true}
      """
    }
    let vocabulary = state.tokens.enumerated().map { id, token in "\(quoted(token.text)): \(id)" }
    let merges = state.merges.map { left, right in
      "[\(quoted(state.tokens[left].text)), \(quoted(state.tokens[right].text))]"
    }
    return """
      {
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [
          \(added.joined(separator: ",\n    "))
        ],
        "normalizer": null,
        "pre_tokenizer": \(preTokenizer),
        "post_processor": null,
        "decoder": \(byteLevel),
        "model": {
          "type": "BPE",
          "dropout": null,
          "unk_token": null,
          "continuing_subword_prefix": null,
          "end_of_word_suffix": null,
          "fuse_unk": false,
          "byte_fallback": false,
          "ignore_merges": false,
          "vocab": {
            \(vocabulary.joined(separator: ",\n      "))
          },
          "merges": [
            \(merges.joined(separator: ",\n      "))
          ]
        }
      }

      """
  }

  private var byteLevel: String {
    #"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}"#
  }

  private var preTokenizer: String {
    switch splitting {
    case .gpt2: byteLevel
    case .digits:
      #"{"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, "#
        + byteLevel + "]}"
    }
  }

  private func quoted(_ text: String) -> String {
    var result = ""
    JSONWriter.append(text, to: &result)
    return result
  }
}

/// The words with their counts, and the pairs in them.
private struct TrainingState {
  /// Tokens by id, in UTF-8.
  private(set) var tokens: [[UInt8]] = []
  private(set) var merges: [(left: Int, right: Int)] = []
  private var vocabulary = Vocabulary()
  private let added: AddedTokens
  /// Each distinct word as ids, and how often it occurs.
  private var words: [[Int32]] = []
  private var counts: [Int] = []

  private struct Pair: Hashable {
    let left: Int32
    let right: Int32
  }

  /// A pair and how often it occurred when this was made.
  private struct Candidate: Comparable {
    let count: Int
    let pair: Pair

    /// The most frequent comes first.
    static func < (left: Candidate, right: Candidate) -> Bool {
      (right.count, left.pair.left, left.pair.right)
        < (left.count, right.pair.left, right.pair.right)
    }
  }

  init(_ trainer: BPETrainer) throws(TokenizerError) {
    func invalid(_ key: String, _ reason: String) -> TokenizerError {
      .invalidValue(file: "tokenizer training", key: key, reason: reason)
    }
    let least = 256 + trainer.specialTokens.count
    guard (least..<Vocabulary.maximumSize).contains(trainer.vocabularySize) else {
      throw invalid(
        "vocabularySize",
        "\(trainer.vocabularySize) is not at least \(least) (256 bytes and the special tokens) and "
          + "below \(Vocabulary.maximumSize)")
    }
    added = AddedTokens(
      trainer.specialTokens.enumerated().map { id, content in
        AddedToken(id: id, content: content, isSpecial: true)
      }, normalizer: nil)
    for token in trainer.specialTokens {
      let bytes = Array(token.utf8)
      guard !bytes.isEmpty, vocabulary.id(of: bytes) == nil, !ByteAlphabet.encoded.contains(bytes)
      else {
        throw invalid("specialTokens", "'\(token)' is empty, given twice or a byte's own character")
      }
      add(bytes)
    }
    for byte in ByteAlphabet.encoded { add(byte) }
  }

  private mutating func add(_ token: [UInt8]) {
    _ = vocabulary.insert(token, id: tokens.count)
    tokens.append(token)
  }

  mutating func count(_ texts: some Sequence<String>, splitting: BPETrainer.Splitting) {
    var members: [any PreTokenizer] = [
      ByteLevelPreTokenizer(addPrefixSpace: false, usesPattern: true)
    ]
    if splitting == .digits {
      let digits = ScalarPattern(matches: CharacterClass.isNumeric)
      members.insert(SplitPreTokenizer(pattern: digits, behavior: .isolated), at: 0)
    }
    let preTokenizer = SequencePreTokenizer(members: members)
    var table = ByteStringTable()
    for text in texts {
      let bytes = Array(text.utf8)
      for case .text(let range) in added.split(bytes, normalized: false) {
        let pieces = preTokenizer.split(Pieces(text: Array(bytes[range]), startsText: true))
        for piece in pieces.ranges {
          if let index = table.index(of: pieces.bytes, piece) {
            counts[index] += 1
          } else {
            table.append(pieces.bytes, piece)
            counts.append(1)
            words.append(symbols(pieces.bytes, piece))
          }
        }
      }
    }
  }

  private func symbols(_ text: [UInt8], _ range: Range<Int>) -> [Int32] {
    var result: [Int32] = []
    var index = range.lowerBound
    while index < range.upperBound {
      let next = text.scalar(at: index, end: range.upperBound).next
      if let id = vocabulary.id(of: text, index..<next) { result.append(Int32(id)) }
      index = next
    }
    return result
  }

  mutating func merge(until size: Int, minimumFrequency: Int) {
    var pairCounts: [Pair: Int] = [:]
    var places: [Pair: Set<Int>] = [:]
    for (index, word) in words.enumerated() {
      for (left, right) in zip(word, word.dropFirst()) {
        pairCounts[Pair(left: left, right: right), default: 0] += counts[index]
        places[Pair(left: left, right: right), default: []].insert(index)
      }
    }
    var heap = BinaryHeap<Candidate>()
    for (pair, count) in pairCounts { heap.push(Candidate(count: count, pair: pair)) }
    while tokens.count < size, let candidate = heap.pop() {
      let pair = candidate.pair
      let count = pairCounts[pair] ?? 0
      guard count == candidate.count else {
        // Counted before other merges took some of its places.
        if count > 0 { heap.push(Candidate(count: count, pair: pair)) }
        continue
      }
      guard count >= max(1, minimumFrequency) else { return }
      let joined = tokens[Int(pair.left)] + tokens[Int(pair.right)]
      // Two ways can lead to one token; a special token is never made by merging.
      let known = vocabulary.id(of: joined)
      if let known, known < added.tokens.count {
        pairCounts[pair] = nil
        continue
      }
      if known == nil { add(joined) }
      let merged = Int32(known ?? tokens.count - 1)
      merges.append((Int(pair.left), Int(pair.right)))
      var changed: Set<Pair> = []
      for index in places[pair] ?? [] {
        replace(pair, by: merged, in: index, &pairCounts, &places, &changed)
      }
      pairCounts[pair] = nil
      places[pair] = nil
      for pair in changed {
        if let count = pairCounts[pair], count > 0 {
          heap.push(Candidate(count: count, pair: pair))
        }
      }
    }
  }

  /// Joins a pair wherever it stands in a word, and counts the word's pairs anew.
  private mutating func replace(
    _ pair: Pair, by merged: Int32, in index: Int, _ pairCounts: inout [Pair: Int],
    _ places: inout [Pair: Set<Int>], _ changed: inout Set<Pair>
  ) {
    let old = words[index]
    var new: [Int32] = []
    var position = 0
    while position < old.count {
      if position + 1 < old.count, old[position] == pair.left, old[position + 1] == pair.right {
        new.append(merged)
        position += 2
      } else {
        new.append(old[position])
        position += 1
      }
    }
    for (left, right) in zip(old, old.dropFirst()) {
      pairCounts[Pair(left: left, right: right), default: 0] -= counts[index]
    }
    for (left, right) in zip(new, new.dropFirst()) {
      let pair = Pair(left: left, right: right)
      pairCounts[pair, default: 0] += counts[index]
      places[pair, default: []].insert(index)
      if left == merged || right == merged { changed.insert(pair) }
    }
    words[index] = new
  }
}
