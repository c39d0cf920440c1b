// SPDX-License-Identifier: Apache-2.0

// Unicode scalars in UTF-8 bytes. The bytes come from Strings, so they are valid; should they ever
// not be, a stray byte reads as U+FFFD and one byte long, and nothing traps.

extension [UInt8] {
  /// The scalar that begins at `index`, and the index after it.
  @inline(__always)
  func scalar(at index: Int, end: Int) -> (scalar: UInt32, next: Int) {
    let first = self[index]
    if first < 0x80 { return (UInt32(first), index + 1) }
    return multibyteScalar(at: index, end: end)
  }

  private func multibyteScalar(at index: Int, end: Int) -> (scalar: UInt32, next: Int) {
    let first = UInt32(self[index])
    let length = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
    guard length > 1, index + length <= end else { return (0xFFFD, index + 1) }
    var value = first & (0x7F >> UInt32(length))
    for offset in 1..<length { value = value << 6 | UInt32(self[index + offset] & 0x3F) }
    return (value, index + length)
  }

  /// The scalar that ends before `index`, and where it begins.
  func scalar(before index: Int, start: Int) -> (scalar: UInt32, previous: Int) {
    var position = index - 1
    while position > start, self[position] & 0xC0 == 0x80 { position -= 1 }
    return (scalar(at: position, end: index).scalar, position)
  }

  /// Appends a scalar's UTF-8 bytes.
  mutating func append(scalar: Unicode.Scalar) {
    append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
  }

  /// Whether the bytes of `other` stand at `index`.
  func has(_ other: [UInt8], at index: Int, end: Int) -> Bool {
    guard index + other.count <= end else { return false }
    for offset in other.indices where self[index + offset] != other[offset] { return false }
    return true
  }

  var text: String { String(decoding: self, as: UTF8.self) }
}
