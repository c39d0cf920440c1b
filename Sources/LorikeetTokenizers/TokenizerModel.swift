// SPDX-License-Identifier: Apache-2.0

/// Turns one piece of text into token ids; the vocabulary belongs to it.
protocol TokenizerModel: Sendable {
  var vocabulary: Vocabulary { get }
  /// Appends the ids of the piece `text[range]`, which is not empty.
  func tokenize(_ text: [UInt8], _ range: Range<Int>, _ cache: inout PieceCache, _ ids: inout [Int])
}

/// The ids of pieces seen before: texts repeat their words.
///
/// The cache is emptied when it is full, so its memory is bounded: 32,768 pieces of at most 48
/// bytes.
struct PieceCache: Sendable {
  static let maximumCount = 1 << 15
  static let maximumPiece = 48

  private var pieces = ByteStringTable(capacity: 1 << 10)
  private var ids: [Int32] = []
  private var ends: [Int] = []

  /// Appends the ids of a piece, if it is known.
  func find(_ text: [UInt8], _ range: Range<Int>, _ result: inout [Int]) -> Bool {
    guard range.count <= PieceCache.maximumPiece, let index = pieces.index(of: text, range)
    else { return false }
    for position in (index == 0 ? 0 : ends[index - 1])..<ends[index] {
      result.append(Int(ids[position]))
    }
    return true
  }

  /// Remembers the ids of a piece that is not known yet.
  mutating func remember(_ text: [UInt8], _ range: Range<Int>, _ result: ArraySlice<Int>) {
    guard range.count <= PieceCache.maximumPiece else { return }
    if pieces.count >= PieceCache.maximumCount {
      pieces.removeAll()
      ids.removeAll(keepingCapacity: true)
      ends.removeAll(keepingCapacity: true)
    }
    pieces.append(text, range)
    for id in result { ids.append(Int32(truncatingIfNeeded: id)) }
    ends.append(ids.count)
  }
}
