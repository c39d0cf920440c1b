// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// Keys and values of the tokens seen so far, for each layer, in slots of equal capacity.
public final class KeyValueCache {
  /// Tokens that a slot can hold.
  public let capacity: Int
  /// Tokens that each slot holds.
  public private(set) var lengths: [Int]
  private var keys: [Tensor]
  private var values: [Tensor]

  /// - Parameters:
  ///   - width: the width of keys and of values, key heads x head width.
  public init(layers: Int, width: Int, slots: Int, capacity: Int) {
    self.capacity = capacity
    lengths = Array(repeating: 0, count: slots)
    keys = (0..<layers).map { _ in Tensor(repeating: 0, [slots * capacity, width]) }
    values = keys.map { Tensor(repeating: 0, $0.shape) }
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
        copy(&keys[layer], length, to: slot * capacity)
        copy(&values[layer], length, to: slot * capacity)
      }
    }
    for slot in lengths.indices { lengths[slot] = length }
  }

  private func copy(_ tensor: inout Tensor, _ length: Int, to row: Int) {
    let source = Kernels.gatherRows([(tensor, 0..<length)], width: tensor.width)
    Kernels.copyRows(source, into: &tensor, at: row)
  }

  /// Writes the keys and values of new tokens into layer `layer` and returns all of that layer.
  func update(
    layer: Int, keys newKeys: Tensor, values newValues: Tensor, segments: [AttentionSegment]
  ) -> (keys: Tensor, values: Tensor) {
    for segment in segments where !segment.queries.isEmpty {
      let row = segment.keys.upperBound - segment.queries.count
      Kernels.copyRows(newKeys.rows(segment.queries), into: &keys[layer], at: row)
      Kernels.copyRows(newValues.rows(segment.queries), into: &values[layer], at: row)
    }
    return (keys[layer], values[layer])
  }
}
