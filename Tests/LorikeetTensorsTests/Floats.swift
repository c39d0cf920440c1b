// SPDX-License-Identifier: Apache-2.0

import Testing

/// Floats for a C function, at a chosen distance from an aligned address, between guards that must
/// not change.
///
/// The memory is not given back: the C function must find it after the last use of the value.
struct Floats {
  private static let guardValue: Float = 123_456.75
  private static let margin = 8
  private let base: UnsafeMutablePointer<Float>
  private let total: Int
  let pointer: UnsafeMutablePointer<Float>
  let count: Int

  init(_ values: [Float], offset: Int) {
    count = values.count
    total = count + offset + 2 * Self.margin
    base = UnsafeMutableRawPointer.allocate(byteCount: total * 4, alignment: 64)
      .bindMemory(to: Float.self, capacity: total)
    base.initialize(repeating: Self.guardValue, count: total)
    // The margin keeps the alignment of 32 bytes; the offset breaks it.
    pointer = base + Self.margin + offset
    for (index, value) in values.enumerated() { pointer[index] = value }
  }

  /// The values; an issue is recorded if a guard was overwritten.
  var values: [Float] {
    for index in 0..<total where base + index < pointer || base + index >= pointer + count {
      if base[index] != Self.guardValue {
        Issue.record("float \(base + index - pointer) of \(count) was written to")
      }
    }
    return (0..<count).map { pointer[$0] }
  }
}
