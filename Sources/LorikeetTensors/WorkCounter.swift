// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Counts the floating-point operations of products, for measuring; a multiplication and an addition
/// each count as one.
///
/// Every product and every attention of the process adds what it computes once a call, before its
/// work is split over threads.
package enum WorkCounter {
  private static let counter = Atomic<Int>(0)

  /// The operations since the process began.
  package static var operations: Int { counter.load(ordering: .relaxed) }

  package static func add(_ operations: Int) {
    counter.wrappingAdd(operations, ordering: .relaxed)
  }

  /// Counts a product of `[m, k]` and `[k, n]`.
  package static func addProduct(m: Int, n: Int, k: Int) { add(2 &* m &* n &* k) }

  /// Counts `products` products for every pair of a query and a key that it sees: 2 forward (scores,
  /// output), 5 backward (scores again, and the gradients of probabilities, values, queries and keys).
  package static func addAttention(
    products: Int, _ segments: [AttentionSegment], _ shape: AttentionShape
  ) {
    let pairs = segments.reduce(0) { sum, segment in
      let (queries, keys) = (segment.queries.count, segment.keys.count)
      return sum + queries * keys - (shape.isCausal ? queries * (queries - 1) / 2 : 0)
    }
    add(2 &* products &* pairs &* shape.heads &* shape.headWidth)
  }
}
