// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct AttentionTests {
  struct Case: Sendable {
    let heads: Int
    let keyHeads: Int
    let headWidth: Int
    let isCausal: Bool
    /// Queries and keys of each segment.
    let lengths: [(queries: Int, keys: Int)]
  }
  static let cases: [Case] = [
    Case(heads: 1, keyHeads: 1, headWidth: 1, isCausal: false, lengths: [(1, 1)]),
    Case(heads: 1, keyHeads: 1, headWidth: 3, isCausal: true, lengths: [(5, 5)]),
    Case(heads: 2, keyHeads: 2, headWidth: 8, isCausal: false, lengths: [(7, 7), (1, 1), (0, 0)]),
    Case(heads: 4, keyHeads: 2, headWidth: 5, isCausal: true, lengths: [(6, 6), (0, 0), (1, 1)]),
    Case(heads: 3, keyHeads: 1, headWidth: 12, isCausal: true, lengths: [(2, 9), (1, 4), (3, 3)]),
    Case(heads: 6, keyHeads: 3, headWidth: 4, isCausal: false, lengths: [(3, 8), (4, 2)]),
    Case(heads: 2, keyHeads: 1, headWidth: 16, isCausal: true, lengths: [(70, 75)]),
    Case(heads: 1, keyHeads: 1, headWidth: 17, isCausal: false, lengths: [(67, 33)]),
    Case(heads: 2, keyHeads: 1, headWidth: 4, isCausal: true, lengths: [(0, 0)]),
  ]

  @Test(arguments: cases, [UInt64(1), 2]) func gradients(c: Case, seed: UInt64) {
    var (query, key) = (0, 0)
    let segments = c.lengths.map { length in
      defer { (query, key) = (query + length.queries, key + length.keys) }
      return AttentionSegment(
        queries: query..<query + length.queries, keys: key..<key + length.keys)
    }
    let shape = AttentionShape(
      heads: c.heads, keyHeads: c.keyHeads, headWidth: c.headWidth, isCausal: c.isCausal)
    let (qWidth, kWidth) = (c.heads * c.headWidth, c.keyHeads * c.headWidth)
    checkGradients(
      [
        .random([query, qWidth], seed: seed), .random([key, kWidth], seed: seed + 1),
        .random([key, kWidth], seed: seed + 2),
      ], sample: 16, seed: seed, step: 0.01, "attention"
    ) { tape, x, _ in
      var record = AttentionRecord()
      return tape.attention(
        x[0], x[1], x[2], segments: segments, shape: shape, record: &record)
    }
  }

  /// Keys and values that are one variable get both gradients.
  @Test func sharedInputs() {
    let shape = AttentionShape(heads: 1, keyHeads: 1, headWidth: 4, isCausal: true)
    checkGradients([.random([5, 4], seed: 1)], step: 0.01) { tape, x, _ in
      var record = AttentionRecord()
      return tape.attention(
        x[0], x[0], x[0], segments: [AttentionSegment(queries: 0..<5, keys: 0..<5)], shape: shape,
        record: &record)
    }
  }
}
