// SPDX-License-Identifier: Apache-2.0

/// Byte-pair encoding: a piece begins as single characters, and the two neighbours whose merge has
/// the lowest rank are joined, again and again; of equals the leftmost first.
///
/// Source: "Neural Machine Translation of Rare Words with Subword Units", Sennrich, Haddow, Birch,
/// 2016, https://arxiv.org/abs/1508.07909, section 3.2.
struct BPEModel: TokenizerModel {
  struct Options: Sendable {
    /// Stands for characters that the vocabulary lacks; without it they are left out.
    var unknown: Int?
    /// One unknown token for a run of unknown characters.
    var fusesUnknown = false
    /// Characters that the vocabulary lacks become `<0x..>` tokens.
    var byteFallback = false
    /// A piece that is a token is that token, whatever the merges would make of it.
    var ignoresMerges = false
    /// Put before every character of a piece but the first.
    var continuingPrefix: [UInt8] = []
    /// Put after the last character of a piece.
    var endSuffix: [UInt8] = []
  }

  let vocabulary: Vocabulary
  let options: Options
  private let merges: MergeTable
  private let byteTokens: ByteTokens?
  /// The ids of the characters below U+0400, or -1.
  private let characters: [Int32]

  /// Pieces of more characters are merged with a heap instead of by scanning.
  private static let scanLimit = 64

  init(vocabulary: Vocabulary, merges: MergeTable, options: Options) {
    self.vocabulary = vocabulary
    self.merges = merges
    self.options = options
    byteTokens = options.byteFallback ? ByteTokens(vocabulary) : nil
    characters = (0..<0x400).map { (value: UInt16) in
      var bytes: [UInt8] = []
      if let scalar = Unicode.Scalar(value) { bytes.append(scalar: scalar) }
      return vocabulary.id(of: bytes).map(Int32.init) ?? -1
    }
  }

  func tokenize(
    _ text: [UInt8], _ range: Range<Int>, _ cache: inout PieceCache, _ ids: inout [Int]
  ) {
    if cache.find(text, range, &ids) { return }
    let start = ids.count
    if options.ignoresMerges, let id = vocabulary.id(of: text, range) {
      ids.append(id)
    } else {
      var symbols = self.symbols(text, range)
      if symbols.count <= BPEModel.scanLimit {
        mergeByScanning(&symbols)
      } else {
        symbols = mergeByHeap(symbols)
      }
      for symbol in symbols { ids.append(Int(symbol)) }
    }
    cache.remember(text, range, ids[start...])
  }

  // MARK: Characters to ids

  private func symbols(_ text: [UInt8], _ range: Range<Int>) -> [Int32] {
    var symbols: [Int32] = []
    symbols.reserveCapacity(range.count)
    let isPlain = options.continuingPrefix.isEmpty && options.endSuffix.isEmpty
    var previousIsUnknown = false
    var index = range.lowerBound
    while index < range.upperBound {
      let (scalar, next) = text.scalar(at: index, end: range.upperBound)
      let id: Int32
      if !isPlain {
        id = decoratedID(text, index..<next, in: range)
      } else if scalar < 0x400 {
        id = characters[Int(scalar)]
      } else {
        id = vocabulary.id(of: text, index..<next).map(Int32.init) ?? -1
      }
      if id >= 0 {
        symbols.append(id)
        previousIsUnknown = false
      } else if !appendBytes(text, index..<next, &symbols), let unknown = options.unknown {
        if !(options.fusesUnknown && previousIsUnknown) { symbols.append(Int32(unknown)) }
        previousIsUnknown = true
      }
      index = next
    }
    return symbols
  }

  /// The id of a character with what is put before or after it.
  private func decoratedID(_ text: [UInt8], _ character: Range<Int>, in range: Range<Int>) -> Int32
  {
    var bytes = character.lowerBound > range.lowerBound ? options.continuingPrefix : []
    bytes.append(contentsOf: text[character])
    if character.upperBound == range.upperBound { bytes.append(contentsOf: options.endSuffix) }
    return vocabulary.id(of: bytes).map(Int32.init) ?? -1
  }

  /// Appends a token for each byte, if byte fallback is on and there are such tokens.
  private func appendBytes(
    _ text: [UInt8], _ character: Range<Int>, _ symbols: inout [Int32]
  ) -> Bool {
    guard let ids = byteTokens?.ids(of: text, character) else { return false }
    for id in ids { symbols.append(Int32(truncatingIfNeeded: id)) }
    return true
  }

  // MARK: Merging

  private func mergeByScanning(_ symbols: inout [Int32]) {
    guard symbols.count > 1 else { return }
    // pairs[i] is the merge of symbols i and i + 1.
    var pairs = (0..<symbols.count - 1).map { merges.find(symbols[$0], symbols[$0 + 1]) }
    while !pairs.isEmpty {
      var best = 0
      for index in 1..<pairs.count where pairs[index] < pairs[best] { best = index }
      guard pairs[best] != MergeTable.none else { return }
      symbols[best] = Int32(truncatingIfNeeded: pairs[best])
      symbols.remove(at: best + 1)
      pairs.remove(at: best)
      if best > 0 { pairs[best - 1] = merges.find(symbols[best - 1], symbols[best]) }
      if best < pairs.count { pairs[best] = merges.find(symbols[best], symbols[best + 1]) }
    }
  }

  /// The same for long pieces, in n log n: a linked list of symbols, and a heap of merges in which
  /// those that no longer hold are skipped.
  private func mergeByHeap(_ input: [Int32]) -> [Int32] {
    var symbols = input
    // A symbol that was merged into its left neighbour is -1.
    var next = Array(1...input.count)
    var previous = Array(-1..<input.count - 1)
    var heap = BinaryHeap<MergeCandidate>()
    func push(_ left: Int) {
      guard left >= 0, next[left] < symbols.count else { return }
      let merge = merges.find(symbols[left], symbols[next[left]])
      if merge != MergeTable.none { heap.push(MergeCandidate(merge: merge, position: left)) }
    }
    for index in symbols.indices { push(index) }
    while let entry = heap.pop() {
      let left = entry.position
      guard symbols[left] >= 0, next[left] < symbols.count else { continue }
      let right = next[left]
      guard merges.find(symbols[left], symbols[right]) == entry.merge else { continue }
      symbols[left] = Int32(truncatingIfNeeded: entry.merge)
      symbols[right] = -1
      next[left] = next[right]
      if next[left] < symbols.count { previous[next[left]] = left }
      push(previous[left])
      push(left)
    }
    return symbols.filter { $0 >= 0 }
  }
}

/// A possible merge; the one with the lowest rank comes first, of equals the leftmost.
private struct MergeCandidate: Comparable {
  let merge: UInt64
  let position: Int

  static func < (left: MergeCandidate, right: MergeCandidate) -> Bool {
    (left.merge, left.position) < (right.merge, right.position)
  }
}
