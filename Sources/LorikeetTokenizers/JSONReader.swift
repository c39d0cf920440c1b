// SPDX-License-Identifier: Apache-2.0

internal import LorikeetCheckpoints

/// Reads JSON from UTF-8 bytes, one value at a time.
///
/// A vocabulary has tens of thousands of members: a caller walks over them with `forEachMember` and
/// gets their bytes, without a tree of values in between. The small rest is read with `readValue`.
package struct JSONReader {
  package let file: String
  private var scanner: JSONScanner
  private var depth = 0

  /// Lists and objects inside each other, at most.
  private static let maximumDepth = 128

  /// - Throws: `TokenizerError.invalidJSON` if the bytes are not UTF-8.
  package init(_ bytes: [UInt8], file: String) throws(TokenizerError) {
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw .invalidJSON(file: file, line: 1, reason: "the text is not UTF-8")
    }
    self.file = file
    scanner = JSONScanner(bytes)
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

  package var position: Int {
    get { scanner.position }
    set { scanner.position = newValue }
  }

  package mutating func expectEnd() throws(TokenizerError) {
    guard scanner.isAtEnd() else { throw failure("expected the end of the text") }
  }

  package func failure(_ reason: String) -> TokenizerError {
    let before = scanner.bytes[..<min(position, scanner.bytes.count)]
    return .invalidJSON(
      file: file, line: 1 + before.count { $0 == UInt8(ascii: "\n") }, reason: reason)
  }

  /// The next byte that is not white space, or 0 at the end.
  package mutating func peek() -> UInt8 { scanner.peek() ?? 0 }

  /// Walks over an object; `body` must read or skip the member's value.
  package mutating func forEachMember(
    _ body: (inout JSONReader, [UInt8]) throws(TokenizerError) -> Void
  ) throws(TokenizerError) {
    try open("{", "an object")
    defer { depth -= 1 }
    if scanner.take("}") { return }
    var key: [UInt8] = []
    repeat {
      try readString(into: &key)
      guard scanner.take(":") else { throw failure("expected ':' after a name") }
      try body(&self, key)
    } while scanner.take(",")
    guard scanner.take("}") else { throw failure("expected ',' or '}'") }
  }

  /// Walks over a list; `body` must read or skip the element.
  package mutating func forEachElement(
    _ body: (inout JSONReader) throws(TokenizerError) -> Void
  ) throws(TokenizerError) {
    try open("[", "a list")
    defer { depth -= 1 }
    if scanner.take("]") { return }
    repeat { try body(&self) } while scanner.take(",")
    guard scanner.take("]") else { throw failure("expected ',' or ']'") }
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
      try scan { scanner throws(JSONScanner.Failure) in try scanner.word("true") }
      return .bool(true)
    case UInt8(ascii: "f"):
      try scan { scanner throws(JSONScanner.Failure) in try scanner.word("false") }
      return .bool(false)
    case UInt8(ascii: "n"):
      try scan { scanner throws(JSONScanner.Failure) in try scanner.word("null") }
      return .null
    default:
      return try readNumber()
    }
  }

  /// Passes over a value; what stands in a list or an object is not checked.
  package mutating func skipValue() throws(TokenizerError) {
    switch peek() {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      try scan { scanner throws(JSONScanner.Failure) in try scanner.skipBrackets() }
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
    try scan { scanner throws(JSONScanner.Failure) in try scanner.string(into: &text) }
  }

  private mutating func readNumber() throws(TokenizerError) -> TemplateValue {
    let number = try scan { scanner throws(JSONScanner.Failure) in try scanner.number() }
    return switch number {
    case .integer(let value): .integer(value)
    case .number(let value): .number(value)
    }
  }

  private mutating func open(_ byte: Unicode.Scalar, _ what: String) throws(TokenizerError) {
    guard scanner.take(byte) else { throw failure("expected \(what)") }
    guard depth < JSONReader.maximumDepth else { throw failure("nested too deeply") }
    depth += 1
  }

  /// Lets the scanner read; what it misses becomes an error that names the file.
  private mutating func scan<Result>(
    _ body: (inout JSONScanner) throws(JSONScanner.Failure) -> Result
  ) throws(TokenizerError) -> Result {
    do throws(JSONScanner.Failure) { return try body(&scanner) } catch {
      throw failure("expected \(error.expected)")
    }
  }
}
