// SPDX-License-Identifier: Apache-2.0

import CLorikeetKernels
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// `Kernels.cachedAttention` of a few queries, read where the cache holds them, against
/// `Kernels.attention`, which the reference and gradient checks hold.
@Suite struct CachedAttentionTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var heads = 3
    var keyHeads = 1
    var headWidth = 64
    var window: Int?
    var softCap: Float?
    /// Queries and keys of each slot.
    let lengths: [(queries: Int, keys: Int)]

    var shape: AttentionShape {
      AttentionShape(
        heads: heads, keyHeads: keyHeads, headWidth: headWidth, isCausal: true, window: window,
        softCap: softCap)
    }
    var testDescription: String {
      "\(heads)/\(keyHeads) heads of \(headWidth), window \(window ?? 0), cap \(softCap ?? 0), "
        + "\(lengths)"
    }
  }

  static let cases: [Case] = [
    Case(lengths: [(1, 1)]),
    Case(lengths: [(1, 31)]),
    Case(lengths: [(1, 32)]),
    Case(lengths: [(1, 33)]),
    Case(heads: 9, keyHeads: 3, lengths: [(1, 300)]),
    Case(heads: 14, keyHeads: 2, headWidth: 80, lengths: [(1, 65), (1, 7), (1, 129)]),
    Case(heads: 4, keyHeads: 4, headWidth: 17, lengths: [(2, 40), (1, 40), (4, 97)]),
    Case(headWidth: 96, window: 10, lengths: [(1, 100), (3, 35)]),
    Case(headWidth: 32, softCap: 5, lengths: [(2, 70)]),
  ]

  @Test(arguments: cases, [DType.float32, .float16])
  func agreesWithAttentionOfTheWhole(c: Case, dtype: DType) {
    let capacity = 320
    var (query, slot) = (0, 0)
    let segments = c.lengths.map { length in
      defer { (query, slot) = (query + length.queries, slot + 1) }
      return AttentionSegment(
        queries: query..<query + length.queries,
        keys: slot * capacity..<slot * capacity + length.keys)
    }
    let q = Tensor.random([query, c.heads * c.headWidth], seed: 1)
    let width = c.keyHeads * c.headWidth
    var keys = RowBuffer(rows: slot * capacity, width: width, dtype: dtype)
    var values = keys
    // What lies behind the keys that a slot holds must not count.
    keys.write(Tensor.random([slot * capacity, width], seed: 2), at: 0)
    values.write(Tensor.random([slot * capacity, width], seed: 3), at: 0)
    let output = Kernels.cachedAttention(
      q, keys: keys, values: values, segments: segments, shape: c.shape)
    var record = AttentionRecord()
    let expected = Kernels.attention(
      q, keys.values(0..<slot * capacity), values.values(0..<slot * capacity), segments: segments,
      shape: c.shape, record: &record)
    expectClose(output, expected, tolerance: 2e-6)
  }

  @Test(arguments: InstructionSets.available) func everyInstructionSetAgrees(name: String) throws {
    let kernels = try #require(lk_kernels_named(name)?.pointee)
    for (group, width, tokens) in [(1, 1, 1), (2, 33, 9), (3, 64, 32), (7, 80, 8), (9, 31, 5)] {
      let (heads, row) = (2 * group, 2 * width)
      let q = Tensor.random([heads, width], seed: 1)
      let keys = Tensor.random([tokens + 1, row], seed: 2)
      var cached = lk_cached(
        format: LK_F32, tokens: tokens, stride: row * 4, heads: 2, width: width)
      func run(_ kernels: lk_kernels) -> (scores: Tensor, mixed: Tensor) {
        var scores = Tensor(repeating: .nan, [heads, tokens])
        var mixed = Tensor(repeating: .nan, [heads, width])
        keys.withPointer { keys in
          scores.withMutablePointer { scores in
            q.withPointer { kernels.score(&cached, heads, 0.5, $0, keys + 1, keys, scores) }
            mixed.withMutablePointer { kernels.mix(&cached, heads, scores, keys + 1, keys, $0) }
          }
        }
        return (scores, mixed)
      }
      let (found, expected) = (run(kernels), run(lk_kernels_named("portable").pointee))
      expectClose(found.scores, expected.scores, tolerance: 2e-6)
      expectClose(found.mixed, expected.mixed, tolerance: 2e-6)
    }
  }

  /// Parts are cut by the number of keys alone, so that threads cannot change a result.
  @Test func resultDoesNotDependOnOtherQueries() {
    let shape = Case(heads: 9, keyHeads: 3, lengths: []).shape
    var keys = RowBuffer(rows: 256, width: 192)
    keys.write(Tensor.random([256, 192], seed: 1), at: 0)
    let q = Tensor.random([2, 576], seed: 2)
    let alone = AttentionSegment(queries: 0..<1, keys: 0..<250)
    let other = AttentionSegment(queries: 1..<2, keys: 0..<99)
    let both = Kernels.cachedAttention(
      q, keys: keys, values: keys, segments: [alone, other], shape: shape)
    let one = Kernels.cachedAttention(
      q.rows(0..<1), keys: keys, values: keys, segments: [alone], shape: shape)
    #expect(both.rows(0..<1).values == one.values)
  }
}
