// SPDX-License-Identifier: Apache-2.0

import Foundation
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
    var window: Int?
    var softCap: Float?
    var prefix = 0
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
    Case(heads: 1, keyHeads: 1, headWidth: 4, isCausal: true, lengths: [(5, 5)], window: 1),
    Case(
      heads: 2, keyHeads: 1, headWidth: 6, isCausal: true, lengths: [(7, 7), (2, 9), (0, 3)],
      window: 3),
    Case(heads: 2, keyHeads: 1, headWidth: 8, isCausal: true, lengths: [(140, 150)], window: 20),
    Case(heads: 2, keyHeads: 2, headWidth: 5, isCausal: false, lengths: [(4, 6)], softCap: 0.7),
    Case(
      heads: 4, keyHeads: 2, headWidth: 5, isCausal: true, lengths: [(9, 9), (3, 8)], window: 4,
      softCap: 1.5),
    Case(
      heads: 2, keyHeads: 1, headWidth: 5, isCausal: true, lengths: [(9, 9), (70, 72), (2, 8)],
      prefix: 5),
    Case(
      heads: 2, keyHeads: 1, headWidth: 5, isCausal: true, lengths: [(9, 9), (70, 72)], window: 3,
      prefix: 6),
  ]

  @Test(arguments: cases, [UInt64(1), 2]) func gradients(c: Case, seed: UInt64) {
    var (query, key) = (0, 0)
    let segments = c.lengths.map { length in
      defer { (query, key) = (query + length.queries, key + length.keys) }
      return AttentionSegment(
        queries: query..<query + length.queries, keys: key..<key + length.keys, prefix: c.prefix)
    }
    let shape = AttentionShape(
      heads: c.heads, keyHeads: c.keyHeads, headWidth: c.headWidth, isCausal: c.isCausal,
      window: c.window, softCap: c.softCap)
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

  /// Outputs against sums over the keys that each query sees, written out.
  @Test(arguments: cases) func outputsByDefinition(c: Case) {
    let (qWidth, kWidth) = (c.heads * c.headWidth, c.keyHeads * c.headWidth)
    for (queries, keys) in c.lengths where queries > 0 {
      let q = Tensor.random([queries, qWidth], seed: 1)
      let (k, v) = (
        Tensor.random([keys, kWidth], seed: 2), Tensor.random([keys, kWidth], seed: 3)
      )
      var record = AttentionRecord(keepsProbabilities: true, keepsColumnSums: true)
      let shape = AttentionShape(
        heads: c.heads, keyHeads: c.keyHeads, headWidth: c.headWidth, isCausal: c.isCausal,
        window: c.window, softCap: c.softCap)
      let found = Tape.inference.attention(
        Variable(q), Variable(k), Variable(v),
        segments: [AttentionSegment(queries: 0..<queries, keys: 0..<keys, prefix: c.prefix)],
        shape: shape, record: &record)
      var expected: [Float] = Array(repeating: 0, count: queries * qWidth)
      var columns: [Float] = Array(repeating: 0, count: keys)
      var all: [Float] = []
      for head in 0..<c.heads {
        let keyHead = head / (c.heads / c.keyHeads)
        for i in 0..<queries {
          let place = keys - queries + i
          let weights = (0..<keys).map { j -> Float in
            let isSeen =
              !c.isCausal || place < c.prefix && j < c.prefix
              || j <= place && (c.window.map { j > place - $0 } ?? true)
            guard isSeen else { return 0 }
            var score = (0..<c.headWidth).reduce(Float(0)) {
              $0 + q.values[i * qWidth + head * c.headWidth + $1]
                * k.values[j * kWidth + keyHead * c.headWidth + $1]
            }
            score /= Float(c.headWidth).squareRoot()
            if let cap = c.softCap { score = cap * tanh(score / cap) }
            return exp(score)
          }
          let sum = weights.reduce(0, +)
          for (j, weight) in weights.enumerated() {
            all.append(weight / sum)
            columns[j] += weight / sum / Float(c.heads)
            for channel in 0..<c.headWidth {
              expected[i * qWidth + head * c.headWidth + channel] +=
                weight / sum * v.values[j * kWidth + keyHead * c.headWidth + channel]
            }
          }
        }
      }
      expectClose(found.value.values, expected, tolerance: 1e-5)
      expectClose(record.probabilities[0].values, all, tolerance: 1e-5)
      expectClose(record.columnSums?.values ?? [], columns, tolerance: 1e-5)
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
