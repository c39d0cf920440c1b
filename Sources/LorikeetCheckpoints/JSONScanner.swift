// SPDX-License-Identifier: Apache-2.0

/// A cursor over JSON text: what comes next is asked for and read where it is expected, without
/// building a tree.
///
/// Everything here that reads JSON without a decoder stands on it: the headers of safetensors
/// files, and the tokenizers' files.
package struct JSONScanner: Sendable {
  package struct Failure: Error, Sendable {
    /// The byte at which it came to light.
    package let offset: Int
    /// What was expected.
    package let expected: String
  }

  package enum Number: Sendable {
    case integer(Int)
    case number(Double)
  }

  package let bytes: [UInt8]
  package var position = 0

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The next byte that is not white space, not consumed; nil at the end.
  package mutating func peek() -> UInt8? {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      case let byte: return byte
      }
    }
    return nil
  }

  /// Consumes `byte` if it comes next.
  package mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: byte) else { return false }
    position += 1
    return true
  }

  package mutating func expect(_ byte: Unicode.Scalar) throws(Failure) {
    guard take(byte) else { throw failure("'\(byte)'") }
  }

  /// Consumes `true`, `false` or `null`.
  package mutating func word(_ word: StaticString) throws(Failure) {
    _ = peek()
    let matches = word.withUTF8Buffer { bytes[position...].starts(with: $0) }
    guard matches else { throw failure("a value") }
    position += word.utf8CodeUnitCount
  }

  /// Whether only white space is left.
  package mutating func isAtEnd() -> Bool { peek() == nil }

  package func failure(_ expected: String) -> Failure {
    Failure(offset: position, expected: expected)
  }

  // MARK: Numbers

  /// Reads a number; one without a fraction that fits an Int is an integer.
  package mutating func number() throws(Failure) -> Number {
    _ = peek()
    let start = position
    var isInteger = true
    scan: while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
      case UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
        isInteger = false
      default: break scan
      }
      position += 1
    }
    guard position > start else {
      throw failure(position < bytes.count ? "a value" : "a value, found the end")
    }
    // The ids of a vocabulary, tens of thousands, are short and need no text.
    if isInteger, bytes[start] != UInt8(ascii: "-"), position - start < 18,
      !bytes[start..<position].contains(UInt8(ascii: "-"))
    {
      return .integer(
        bytes[start..<position].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) })
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let value = Int(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else { throw failure("a number") }
    return .number(value)
  }

  // MARK: Strings

  /// Reads a string.
  package mutating func string() throws(Failure) -> String {
    var buffer: [UInt8] = []
    try string(into: &buffer)
    guard let text = String(validating: buffer, as: UTF8.self) else { throw failure("UTF-8") }
    return text
  }

  /// Reads a string; `text` is replaced by its bytes, which are UTF-8 if all the text is.
  package mutating func string(into text: inout [UInt8]) throws(Failure) {
    guard take("\"") else { throw failure("a string") }
    text.removeAll(keepingCapacity: true)
    var start = position
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        append(start..<position, to: &text)
        position += 1
        return
      case UInt8(ascii: "\\"):
        append(start..<position, to: &text)
        position += 1
        try escape(into: &text)
        start = position
      case ..<0x20: throw failure("no control character within a string")
      default: position += 1
      }
    }
    throw failure("the end of a string")
  }

  private func append(_ range: Range<Int>, to text: inout [UInt8]) {
    bytes.withUnsafeBufferPointer {
      text.append(contentsOf: UnsafeBufferPointer(rebasing: $0[range]))
    }
  }

  /// Passes over a list or an object to where its brackets close; what stands in it is not checked.
  package mutating func skipBrackets() throws(Failure) {
    let start = position
    let end = bytes.withUnsafeBufferPointer { bytes -> Int? in
      var (index, depth) = (start, 0)
      while index < bytes.count {
        let byte = bytes[index]
        index += 1
        switch byte {
        case UInt8(ascii: "\""):
          while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
          }
          index += 1
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          depth -= 1
          if depth <= 0 { return index }
        default: break
        }
      }
      return nil
    }
    guard let end else {
      position = bytes.count
      throw failure("the end of a list or an object")
    }
    position = end
  }

  private mutating func escape(into text: inout [UInt8]) throws(Failure) {
    guard position < bytes.count else { throw failure("an escape") }
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code) {
        guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
          bytes[position + 1] == UInt8(ascii: "u")
        else { throw failure("a low surrogate") }
        position += 2
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw failure("a low surrogate") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw failure("a Unicode scalar") }
      text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    default: throw failure("an escape")
    }
  }

  private mutating func hexadecimal() throws(Failure) -> UInt32 {
    guard position + 4 <= bytes.count else { throw failure("four hexadecimal digits") }
    var value: UInt32 = 0
    for byte in bytes[position..<position + 4] {
      guard let digit = JSONScanner.hexDigit(byte) else {
        throw failure("four hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
    }
    position += 4
    return value
  }

  /// The value of a hexadecimal digit.
  package static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
