// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// Keys and values of the tokens seen so far, for each layer, in slots of equal capacity.
public final class KeyValueCache {
  /// Tokens that a slot can hold.
  public let capacity: Int
  /// Tokens that each slot holds.
  public private(set) var lengths: [Int]
  private var keys: [RowBuffer]
  private var values: [RowBuffer]

  /// - Parameters:
  ///   - width: the width of keys and of values, key heads x head width.
  ///   - type: the type in which they are kept.
  public init(
    layers: Int, width: Int, slots: Int, capacity: Int, type: KeyValueCacheType = .float32
  ) {
    self.capacity = capacity
    lengths = Array(repeating: 0, count: slots)
    keys = (0..<layers).map { _ in
      RowBuffer(rows: slots * capacity, width: width, dtype: type.dtype)
    }
    values = (0..<layers).map { _ in
      RowBuffer(rows: slots * capacity, width: width, dtype: type.dtype)
    }
  }

  /// The segments of a pass that adds `counts[i]` tokens to slot i, its rows packed in slot order.
  /// Traps beyond the capacity.
  public func segments(adding counts: [Int]) -> [AttentionSegment] {
    var start = 0
    return counts.indices.map { slot in
      let length = lengths[slot] + counts[slot]
      precondition(length <= capacity, "KeyValueCache: \(length) tokens, room for \(capacity)")
      defer { start += counts[slot] }
      return AttentionSegment(
        queries: start..<start + counts[slot],
        keys: slot * capacity..<slot * capacity + length)
    }
  }

  /// Counts the tokens of a finished pass.
  public func advance(by counts: [Int]) {
    for slot in counts.indices { lengths[slot] += counts[slot] }
  }

  /// Copies what slot 0 holds to all slots, so that each can go on from it.
  public func spreadFirstSlot() {
    let length = lengths[0]
    for layer in keys.indices {
      for slot in lengths.indices.dropFirst() {
        keys[layer].copyFirst(length, to: slot * capacity)
        values[layer].copyFirst(length, to: slot * capacity)
      }
    }
    for slot in lengths.indices { lengths[slot] = length }
  }

  /// Keeps the keys and values of new tokens in layer `layer`.
  ///
  /// - Parameter segments: of a pass over all new tokens.
  func keep(
    layer: Int, keys newKeys: Tensor, values newValues: Tensor, segments: [AttentionSegment]
  ) {
    for segment in segments where !segment.queries.isEmpty {
      let row = segment.keys.upperBound - segment.queries.count
      keys[layer].write(newKeys.rows(segment.queries), at: row)
      values[layer].write(newValues.rows(segment.queries), at: row)
    }
  }

  /// Lets queries attend to what their slots hold in layer `layer`.
  ///
  /// - Returns: `[queries, heads x headWidth]`.
  func attend(
    layer: Int, _ q: Tensor, segments: [AttentionSegment], shape: AttentionShape
  ) -> Tensor {
    Kernels.cachedAttention(
      q, keys: keys[layer], values: values[layer], segments: segments, shape: shape)
  }
}

/// The type in which keys and values are kept.
public enum KeyValueCacheType: String, Sendable, Codable, CaseIterable {
  case float32 = "f32"
  /// Half the memory, and half of what a token of a long text has to read.
  case float16 = "f16"

  var dtype: DType {
    switch self {
    case .float32: .float32
    case .float16: .float16
    }
  }
}
