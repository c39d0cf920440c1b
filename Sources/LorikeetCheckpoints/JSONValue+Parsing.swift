// SPDX-License-Identifier: Apache-2.0

extension JSONValue {
  /// Lists and objects inside each other, at most.
  private static let maximumDepth = 128

  /// Reads JSON text. Keys keep their order, and numbers their kind: `1.0` is not an integer, which
  /// libraries that read the text after us can be strict about. Of a key that comes twice the last value
  /// counts.
  package init(parsing bytes: [UInt8]) throws(JSONScanner.Failure) {
    var scanner = JSONScanner(bytes)
    // A byte order mark is not JSON, but some editors write one.
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { scanner.position = 3 }
    self = try Self.value(&scanner, depth: 0)
    guard scanner.isAtEnd() else { throw scanner.failure("the end of the text") }
  }

  private static func value(
    _ scanner: inout JSONScanner, depth: Int
  ) throws(JSONScanner.Failure) -> JSONValue {
    guard depth < maximumDepth else { throw scanner.failure("less deeply nested values") }
    switch scanner.peek() {
    case UInt8(ascii: "{"): return .object(try members(&scanner, depth: depth))
    case UInt8(ascii: "["):
      try scanner.expect("[")
      var values: [JSONValue] = []
      if scanner.take("]") { return .array(values) }
      repeat { values.append(try value(&scanner, depth: depth + 1)) } while scanner.take(",")
      try scanner.expect("]")
      return .array(values)
    case UInt8(ascii: "\""): return .string(try scanner.string())
    case UInt8(ascii: "t"):
      try scanner.word("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try scanner.word("false")
      return .bool(false)
    case UInt8(ascii: "n"):
      try scanner.word("null")
      return .null
    default:
      switch try scanner.number() {
      case .integer(let integer): return .integer(integer)
      case .number(let number): return .number(number)
      }
    }
  }

  private static func members(
    _ scanner: inout JSONScanner, depth: Int
  ) throws(JSONScanner.Failure) -> [(String, JSONValue)] {
    try scanner.expect("{")
    var members: [(String, JSONValue)] = []
    if scanner.take("}") { return members }
    var places: [String: Int] = [:]
    repeat {
      let key = try scanner.string()
      try scanner.expect(":")
      let value = try value(&scanner, depth: depth + 1)
      if let place = places[key] {
        members[place].1 = value
      } else {
        places[key] = members.count
        members.append((key, value))
      }
    } while scanner.take(",")
    try scanner.expect("}")
    return members
  }
}
