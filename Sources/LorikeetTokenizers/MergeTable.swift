// SPDX-License-Identifier: Apache-2.0

/// Which pairs of tokens merge, in what order, and into what.
struct MergeTable: Sendable {
  /// A pair that does not merge.
  static let none = UInt64.max

  private var keys: [UInt64]
  private var values: [UInt64]
  private(set) var count = 0

  init(capacity: Int) {
    var size = 32
    while size < capacity * 2 { size *= 2 }
    keys = Array(repeating: .max, count: size)
    values = Array(repeating: MergeTable.none, count: size)
  }

  /// The rank of the pair's merge in the upper half (lower merges first) and the id of the merged
  /// token in the lower, or `none`.
  @inline(__always)
  func find(_ left: Int32, _ right: Int32) -> UInt64 {
    let key = MergeTable.key(left, right)
    var slot = slot(of: key)
    while true {
      let found = keys[slot]
      if found == key { return values[slot] }
      if found == .max { return MergeTable.none }
      slot = (slot + 1) & (keys.count - 1)
    }
  }

  /// Adds a merge; a pair that is there already takes the new rank.
  mutating func insert(_ left: Int32, _ right: Int32, rank: UInt32, merged: Int32) {
    if (count + 1) * 2 > keys.count { grow() }
    place(MergeTable.key(left, right), UInt64(rank) << 32 | UInt64(UInt32(bitPattern: merged)))
  }

  private mutating func place(_ key: UInt64, _ value: UInt64) {
    var slot = slot(of: key)
    while keys[slot] != key, keys[slot] != .max { slot = (slot + 1) & (keys.count - 1) }
    if keys[slot] == .max { count += 1 }
    keys[slot] = key
    values[slot] = value
  }

  private mutating func grow() {
    let (oldKeys, oldValues) = (keys, values)
    keys = Array(repeating: .max, count: oldKeys.count * 2)
    values = Array(repeating: MergeTable.none, count: keys.count)
    count = 0
    for (key, value) in zip(oldKeys, oldValues) where key != .max { place(key, value) }
  }

  /// Ids are at least 0, so a key is never `.max`.
  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private func slot(of key: UInt64) -> Int {
    let mixed = key &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: (mixed >> 32) ^ (mixed >> 52)) & (keys.count - 1)
  }
}
