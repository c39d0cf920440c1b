// SPDX-License-Identifier: Apache-2.0

/// Byte strings, each once, numbered in the order in which they came: a hash table by content.
///
/// All bytes lie in one array, so that a vocabulary of 49,152 tokens costs three allocations.
struct ByteStringTable: Sendable {
  private(set) var bytes: [UInt8] = []
  /// Where string i ends; it begins where the one before ends.
  private var ends: [Int] = []
  private var hashes: [UInt32] = []
  /// Open addressing with linear probing; -1 is free. The count is a power of two.
  private var slots: [Int32]

  init(capacity: Int = 16) {
    var size = 32
    while size < capacity * 2 { size *= 2 }
    slots = Array(repeating: -1, count: size)
    ends.reserveCapacity(capacity)
    hashes.reserveCapacity(capacity)
  }

  var count: Int { ends.count }

  func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

  subscript(index: Int) -> [UInt8] { Array(bytes[range(index)]) }

  /// The number of the string `text[range]`.
  func index(of text: [UInt8], _ range: Range<Int>) -> Int? {
    let hash = ByteStringTable.hash(text, range)
    var slot = Int(hash) & (slots.count - 1)
    while true {
      let index = Int(slots[slot])
      if index < 0 { return nil }
      if hashes[index] == hash, isEqual(index, text, range) { return index }
      slot = (slot + 1) & (slots.count - 1)
    }
  }

  func index(of text: [UInt8]) -> Int? { index(of: text, 0..<text.count) }

  /// Adds a string; the caller has made sure that it is new.
  @discardableResult
  mutating func append(_ text: [UInt8], _ range: Range<Int>) -> Int {
    if (count + 1) * 2 > slots.count { grow() }
    let hash = ByteStringTable.hash(text, range)
    bytes.append(contentsOf: text[range])
    ends.append(bytes.count)
    hashes.append(hash)
    place(count - 1, hash)
    return count - 1
  }

  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    hashes.removeAll(keepingCapacity: true)
    for slot in slots.indices { slots[slot] = -1 }
  }

  private mutating func grow() {
    slots = Array(repeating: -1, count: slots.count * 2)
    for index in hashes.indices { place(index, hashes[index]) }
  }

  private mutating func place(_ index: Int, _ hash: UInt32) {
    var slot = Int(hash) & (slots.count - 1)
    while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = Int32(truncatingIfNeeded: index)
  }

  private func isEqual(_ index: Int, _ text: [UInt8], _ range: Range<Int>) -> Bool {
    let own = self.range(index)
    guard own.count == range.count else { return false }
    for offset in 0..<own.count
    where bytes[own.lowerBound + offset] != text[range.lowerBound + offset] {
      return false
    }
    return true
  }

  /// FNV-1a, 64 bits, folded.
  private static func hash(_ text: [UInt8], _ range: Range<Int>) -> UInt32 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for index in range { hash = (hash ^ UInt64(text[index])) &* 0x100_0000_01B3 }
    return UInt32(truncatingIfNeeded: hash ^ (hash >> 32))
  }
}
