// SPDX-License-Identifier: Apache-2.0

import LorikeetLayers
import LorikeetTensors
import Testing

@Suite struct KeyValueCacheTests {
  @Test func segmentsGrowWithTheTokens() {
    let cache = KeyValueCache(layers: 1, width: 2, slots: 2, capacity: 5)
    #expect(
      cache.segments(adding: [3, 1]) == [
        AttentionSegment(queries: 0..<3, keys: 0..<3),
        AttentionSegment(queries: 3..<4, keys: 5..<6),
      ])
    cache.advance(by: [3, 1])
    #expect(cache.lengths == [3, 1])
    #expect(
      cache.segments(adding: [0, 4]) == [
        AttentionSegment(queries: 0..<0, keys: 0..<3),
        AttentionSegment(queries: 0..<4, keys: 5..<10),
      ])
  }

  @Test func tokensBeyondTheCapacityTrap() async {
    await #expect(processExitsWith: .failure) {
      let cache = KeyValueCache(layers: 1, width: 2, slots: 1, capacity: 2)
      _ = cache.segments(adding: [3])
    }
  }
}
