// SPDX-License-Identifier: Apache-2.0

import LorikeetTensors
import Testing

/// Other tests count at the same time, so that only what is added at least can be told.
@Suite struct WorkCounterTests {
  @Test func productsAndAttentionAreCounted() {
    let before = WorkCounter.operations
    _ = Kernels.product(Tensor(repeating: 1, [30, 40]), Tensor(repeating: 1, [40, 50]))
    let product = WorkCounter.operations
    #expect(product - before >= 2 * 30 * 40 * 50)

    let shape = AttentionShape(heads: 4, keyHeads: 2, headWidth: 8, isCausal: true)
    let (q, k) = (Tensor(repeating: 1, [10, 32]), Tensor(repeating: 1, [10, 16]))
    var record = AttentionRecord()
    _ = Kernels.attention(
      q, k, k, segments: [AttentionSegment(queries: 0..<10, keys: 0..<10)], shape: shape,
      record: &record)
    // 55 pairs, four heads, two products of 2 x 8 operations.
    #expect(WorkCounter.operations - product >= 55 * 4 * 2 * 16)
  }
}
