// SPDX-License-Identifier: Apache-2.0

/// Queries of one head that are handled together, and the keys that any of them sees.
struct AttentionBlock {
  /// The most queries; scores of one block are all that exists at a time.
  private static let size = 64

  let segment: AttentionSegment
  let head: Int
  /// Counted within the segment, like the keys.
  let queries: Range<Int>
  let keys: Range<Int>
  private let shape: AttentionShape

  /// The blocks of a segment.
  static func all(
    of segment: AttentionSegment, _ head: Int, _ shape: AttentionShape
  ) -> some Sequence<AttentionBlock> {
    stride(from: 0, to: segment.queries.count, by: size).lazy.map { start in
      let end = min(start + size, segment.queries.count)
      let first = segment.keysSeen(by: start, shape)
      let last = segment.keysSeen(by: end - 1, shape)
      return AttentionBlock(
        segment: segment, head: head, queries: start..<end,
        keys: first.lowerBound..<last.upperBound, shape: shape)
    }
  }

  /// The row of the first query, and that of the first key.
  var firstQuery: Int { segment.queries.lowerBound + queries.lowerBound }
  var firstKey: Int { segment.keys.lowerBound + keys.lowerBound }

  /// The keys that a query of the segment sees, counted within the block.
  func seen(_ query: Int) -> Range<Int> {
    let range = segment.keysSeen(by: query, shape)
    return range.lowerBound - keys.lowerBound..<range.upperBound - keys.lowerBound
  }
}

extension AttentionSegment {
  /// The keys that a query sees, all counted within the segment.
  func keysSeen(by query: Int, _ shape: AttentionShape) -> Range<Int> {
    guard shape.isCausal else { return 0..<keys.count }
    let next = max(0, keys.count - queries.count + query + 1)
    let first = shape.window.map { max(0, next - $0) } ?? 0
    return next > prefix ? first..<next : 0..<min(prefix, keys.count)
  }
}

/// The products of attention, for one block at a time. The query side holds `[rows, heads x
/// headWidth]`, the key side `[rows, keyHeads x headWidth]`, scores `[queries, keys]` of the block.
struct AttentionProducts: Sendable {
  private let shape: AttentionShape
  private var queryWidth: Int { shape.heads * shape.headWidth }
  private var keyWidth: Int { shape.keyHeads * shape.headWidth }

  init(_ shape: AttentionShape) { self.shape = shape }

  private func queryPlace(_ block: AttentionBlock) -> Int {
    block.firstQuery * queryWidth + block.head * shape.headWidth
  }

  private func keyPlace(_ block: AttentionBlock) -> Int {
    let keyHead = block.head / (shape.heads / shape.keyHeads)
    return block.firstKey * keyWidth + keyHead * shape.headWidth
  }

  /// scores = alpha A B^T; A is of the query side, B of the key side.
  func scores(
    _ a: SharedPointer, _ b: SharedPointer, _ block: AttentionBlock, alpha: Float,
    into scores: UnsafeMutablePointer<Float>
  ) {
    serialMatrixProduct(
      a.raw + queryPlace(block), lda: queryWidth, transposed: false, b.raw + keyPlace(block),
      ldb: keyWidth, transposed: true, into: scores, ldc: block.keys.count,
      m: block.queries.count, n: block.keys.count, k: shape.headWidth, alpha: alpha)
  }

  /// A = scores B; A is of the query side, B of the key side.
  func sumOverKeys(
    _ scores: UnsafePointer<Float>, _ b: SharedPointer, _ block: AttentionBlock,
    into a: SharedPointer
  ) {
    serialMatrixProduct(
      scores, lda: block.keys.count, transposed: false, b.raw + keyPlace(block), ldb: keyWidth,
      transposed: false, into: a.raw + queryPlace(block), ldc: queryWidth,
      m: block.queries.count, n: shape.headWidth, k: block.keys.count)
  }

  /// B += scores^T A; A is of the query side, B of the key side.
  func addOverQueries(
    _ scores: UnsafePointer<Float>, _ a: SharedPointer, _ block: AttentionBlock,
    to b: SharedPointer
  ) {
    serialMatrixProduct(
      scores, lda: block.keys.count, transposed: true, a.raw + queryPlace(block), ldb: queryWidth,
      transposed: false, into: b.raw + keyPlace(block), ldc: keyWidth, m: block.keys.count,
      n: shape.headWidth, k: block.queries.count, beta: 1)
  }
}
