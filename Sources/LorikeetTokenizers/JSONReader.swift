// SPDX-License-Identifier: Apache-2.0

/// Reads JSON from UTF-8 bytes, one value at a time.
///
/// A vocabulary has tens of thousands of members: a caller walks over them with `forEachMember` and
/// gets their bytes, without a tree of values in between. The small rest is read with `readValue`.
package struct JSONReader {
  package let bytes: [UInt8]
  package let file: String
  package var position = 0
  private var depth = 0

  /// Lists and objects inside each other, at most.
  private static let maximumDepth = 128

  /// - Throws: `TokenizerError.invalidJSON` if the bytes are not UTF-8.
  package init(_ bytes: [UInt8], file: String) throws(TokenizerError) {
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw .invalidJSON(file: file, line: 1, reason: "the text is not UTF-8")
    }
    self.bytes = bytes
    self.file = file
    // A byte order mark is not JSON, but some editors write one.
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  /// Reads a whole document.
  package static func parse(
    _ bytes: [UInt8], file: String
  ) throws(TokenizerError) -> TemplateValue {
    var reader = try JSONReader(bytes, file: file)
    let value = try reader.readValue()
    try reader.expectEnd()
    return value
  }

  package mutating func expectEnd() throws(TokenizerError) {
    skipSpace()
    guard position == bytes.count else { throw failure("text after the end of the value") }
  }

  package func failure(_ reason: String) -> TokenizerError {
    let line = 1 + bytes[..<min(position, bytes.count)].count { $0 == UInt8(ascii: "\n") }
    return .invalidJSON(file: file, line: line, reason: reason)
  }

  /// The next byte that is not white space, or 0 at the end.
  package mutating func peek() -> UInt8 {
    skipSpace()
    return position < bytes.count ? bytes[position] : 0
  }

  /// Walks over an object; `body` must read or skip the member's value.
  package mutating func forEachMember(
    _ body: (inout JSONReader, [UInt8]) throws(TokenizerError) -> Void
  ) throws(TokenizerError) {
    try open(UInt8(ascii: "{"), "an object")
    defer { depth -= 1 }
    if take(UInt8(ascii: "}")) { return }
    var key: [UInt8] = []
    repeat {
      try readString(into: &key)
      guard take(UInt8(ascii: ":")) else { throw failure("expected ':' after a name") }
      try body(&self, key)
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw failure("expected ',' or '}'") }
  }

  /// Walks over a list; `body` must read or skip the element.
  package mutating func forEachElement(
    _ body: (inout JSONReader) throws(TokenizerError) -> Void
  ) throws(TokenizerError) {
    try open(UInt8(ascii: "["), "a list")
    defer { depth -= 1 }
    if take(UInt8(ascii: "]")) { return }
    repeat { try body(&self) } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw failure("expected ',' or ']'") }
  }

  package mutating func readValue() throws(TokenizerError) -> TemplateValue {
    switch peek() {
    case UInt8(ascii: "{"):
      var object = TemplateObject()
      try forEachMember { (reader, key) throws(TokenizerError) in
        object.append(String(decoding: key, as: UTF8.self), try reader.readValue())
      }
      return .object(object)
    case UInt8(ascii: "["):
      var array: [TemplateValue] = []
      try forEachElement { reader throws(TokenizerError) in array.append(try reader.readValue()) }
      return .array(array)
    case UInt8(ascii: "\""):
      var text: [UInt8] = []
      try readString(into: &text)
      return .string(String(decoding: text, as: UTF8.self))
    case UInt8(ascii: "t"):
      try word("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try word("false")
      return .bool(false)
    case UInt8(ascii: "n"):
      try word("null")
      return .null
    default:
      return try readNumber()
    }
  }

  package mutating func skipValue() throws(TokenizerError) {
    switch peek() {
    case UInt8(ascii: "{"):
      try forEachMember { (reader, _) throws(TokenizerError) in try reader.skipValue() }
    case UInt8(ascii: "["):
      try forEachElement { reader throws(TokenizerError) in try reader.skipValue() }
    default:
      _ = try readValue()
    }
  }

  /// Reads a number without a fraction.
  package mutating func readInteger() throws(TokenizerError) -> Int {
    guard let value = try readNumber().integerValue else { throw failure("expected an integer") }
    return value
  }

  /// Reads a string; `text` is replaced by its UTF-8 bytes.
  package mutating func readString(into text: inout [UInt8]) throws(TokenizerError) {
    guard take(UInt8(ascii: "\"")) else { throw failure("expected a string") }
    text.removeAll(keepingCapacity: true)
    var start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        text.append(contentsOf: bytes[start..<position])
        position += 1
        return
      }
      if byte == UInt8(ascii: "\\") {
        text.append(contentsOf: bytes[start..<position])
        try readEscape(into: &text)
        start = position
      } else if byte < 0x20 {
        throw failure("a control character inside a string")
      } else {
        position += 1
      }
    }
    throw failure("a string without an end")
  }

  private mutating func readEscape(into text: inout [UInt8]) throws(TokenizerError) {
    position += 1
    guard position < bytes.count else { throw failure("a string without an end") }
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
      var value = try readHex()
      if (0xD800..<0xDC00).contains(value), position + 1 < bytes.count,
        bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
      {
        position += 2
        let low = try readHex()
        guard (0xDC00..<0xE000).contains(low) else { throw failure("half a surrogate pair") }
        value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(value) else { throw failure("half a surrogate pair") }
      text.append(scalar: scalar)
    default: throw failure("an unknown escape")
    }
  }

  private mutating func readHex() throws(TokenizerError) -> UInt32 {
    guard position + 4 <= bytes.count else { throw failure("a short \\u escape") }
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = hexDigit(bytes[position]) else { throw failure("a bad \\u escape") }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  private mutating func readNumber() throws(TokenizerError) -> TemplateValue {
    skipSpace()
    let start = position
    var isInteger = true
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
      case UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
        isInteger = false
      default:
        return try number(start, isInteger)
      }
      position += 1
    }
    return try number(start, isInteger)
  }

  private func number(_ start: Int, _ isInteger: Bool) throws(TokenizerError) -> TemplateValue {
    guard position > start else {
      throw failure(position < bytes.count ? "expected a value" : "the text ends too early")
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let value = Int(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else { throw failure("\(text) is no number") }
    return .number(value)
  }

  private mutating func open(_ byte: UInt8, _ what: String) throws(TokenizerError) {
    guard take(byte) else { throw failure("expected \(what)") }
    guard depth < JSONReader.maximumDepth else { throw failure("nested too deeply") }
    depth += 1
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte, position < bytes.count else { return false }
    position += 1
    return true
  }

  private mutating func word(_ text: String) throws(TokenizerError) {
    guard bytes[position...].starts(with: text.utf8) else { throw failure("expected a value") }
    position += text.utf8.count
  }

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }
}

/// The value of a hexadecimal digit.
func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
