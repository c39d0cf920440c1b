// SPDX-License-Identifier: Apache-2.0

/// A cursor over the JSON that opens a safetensors file: objects, strings and counts, read where
/// they are expected, without building a tree.
struct HeaderScanner {
  struct Failure: Error {
    let offset: Int
    let expected: String
  }

  private let bytes: [UInt8]
  private(set) var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The next byte that is not white space, not consumed; nil at the end.
  mutating func peek() -> UInt8? {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      case let byte: return byte
      }
    }
    return nil
  }

  /// Consumes `byte` if it comes next.
  mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: byte) else { return false }
    position += 1
    return true
  }

  mutating func expect(_ byte: Unicode.Scalar) throws(Failure) {
    guard take(byte) else { throw failure("'\(byte)'") }
  }

  /// Reads an object; `member` gets each key and must consume its value.
  mutating func object<E: Error>(
    failing wrap: (Failure) -> E, _ member: (inout HeaderScanner, String) throws(E) -> Void
  ) throws(E) {
    func step<Value>(_ body: () throws(Failure) -> Value) throws(E) -> Value {
      do throws(Failure) { return try body() } catch { throw wrap(error) }
    }
    try step { () throws(Failure) in try expect("{") }
    if take("}") { return }
    repeat {
      let key = try step { () throws(Failure) in
        let key = try string()
        try expect(":")
        return key
      }
      try member(&self, key)
    } while take(",")
    try step { () throws(Failure) in try expect("}") }
  }

  /// Reads an array of counts.
  mutating func counts() throws(Failure) -> [Int] {
    try expect("[")
    var values: [Int] = []
    if take("]") { return values }
    repeat { values.append(try count()) } while take(",")
    try expect("]")
    return values
  }

  /// Reads a non-negative integer that fits an Int.
  mutating func count() throws(Failure) -> Int {
    _ = peek()
    let start = position
    var value = 0
    while position < bytes.count, case let digit = bytes[position], (0x30...0x39).contains(digit) {
      let (tens, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = tens.addingReportingOverflow(Int(digit - 0x30))
      guard !tooLarge, !overflow else { throw failure("a count below 2^63") }
      value = sum
      position += 1
    }
    guard position > start else { throw failure("a non-negative integer") }
    return value
  }

  /// Reads a string.
  mutating func string() throws(Failure) -> String {
    guard take("\"") else { throw failure("a string") }
    let start = position
    while position < bytes.count, bytes[position] != 0x22, bytes[position] != 0x5C,
      bytes[position] >= 0x20
    {
      position += 1
    }
    if position < bytes.count, bytes[position] == 0x22 {
      position += 1
      return try text(bytes[start..<position - 1])
    }
    // There is an escape: decode into a buffer.
    var buffer = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case 0x22: return try text(buffer[...])
      case 0x5C: try escape(into: &buffer)
      case ..<0x20: throw failure("no control character within a string")
      default: buffer.append(byte)
      }
    }
    throw failure("the end of a string")
  }

  /// Whether only white space is left.
  mutating func isAtEnd() -> Bool { peek() == nil }

  func failure(_ expected: String) -> Failure { Failure(offset: position, expected: expected) }

  private func text(_ bytes: ArraySlice<UInt8>) throws(Failure) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw failure("UTF-8") }
    return text
  }

  private mutating func escape(into buffer: inout [UInt8]) throws(Failure) {
    guard position < bytes.count else { throw failure("an escape") }
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer.append(byte)
    case UInt8(ascii: "b"): buffer.append(0x08)
    case UInt8(ascii: "f"): buffer.append(0x0C)
    case UInt8(ascii: "n"): buffer.append(0x0A)
    case UInt8(ascii: "r"): buffer.append(0x0D)
    case UInt8(ascii: "t"): buffer.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code) {
        guard position + 1 < bytes.count, bytes[position] == 0x5C,
          bytes[position + 1] == UInt8(ascii: "u")
        else { throw failure("a low surrogate") }
        position += 2
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw failure("a low surrogate") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw failure("a Unicode scalar") }
      buffer.append(contentsOf: String(scalar).utf8)
    default: throw failure("an escape")
    }
  }

  private mutating func hexadecimal() throws(Failure) -> UInt32 {
    guard position + 4 <= bytes.count else { throw failure("four hexadecimal digits") }
    var value: UInt32 = 0
    for byte in bytes[position..<position + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw failure("four hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
    }
    position += 4
    return value
  }
}
