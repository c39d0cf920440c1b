// SPDX-License-Identifier: Apache-2.0

/// Any JSON value, for files whose keys are not all known, and for writing with a chosen order.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONValue])
  /// Keys and values in the order in which they are written.
  case object([(String, JSONValue)])

  public static func == (a: JSONValue, b: JSONValue) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.number(let a), .number(let b)): a == b
    case (.string(let a), .string(let b)): a == b
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)):
      a.count == b.count
        && zip(a.sorted { $0.0 < $1.0 }, b.sorted { $0.0 < $1.0 })
          .allSatisfy { $0.0 == $1.0 && $0.1 == $1.1 }
    default: false
    }
  }

  /// The value under a key; nil if there is none or this is not an object.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.0 == key }?.1
  }

  /// JSON text as Hugging Face's libraries lay it out: two spaces of indentation, one member a line;
  /// it ends with a new line.
  public var text: String {
    var result = ""
    write(to: &result, indentation: "\n")
    return result + "\n"
  }

  private func write(to result: inout String, indentation: String) {
    func list<Elements: Collection>(
      _ open: String, _ elements: Elements, _ close: String,
      _ element: (Elements.Element, inout String, String) -> Void
    ) {
      guard !elements.isEmpty else {
        result += open + close
        return
      }
      let inner = indentation + "  "
      var separator = open
      for item in elements {
        result += separator
        result += inner
        element(item, &result, inner)
        separator = ","
      }
      result += indentation
      result += close
    }
    switch self {
    case .null: result += "null"
    case .bool(let bool): result += bool ? "true" : "false"
    case .integer(let integer): result += String(integer)
    case .number(let number): result += number.isFinite ? String(number) : "null"
    case .string(let string): result += Self.quoted(string)
    case .array(let values):
      list("[", values, "]") { $0.write(to: &$1, indentation: $2) }
    case .object(let members):
      list("{", members, "}") { member, result, inner in
        result += Self.quoted(member.0)
        result += ": "
        member.1.write(to: &result, indentation: inner)
      }
    }
  }

  /// A JSON string with its quotes; only what must be escaped is.
  package static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{08}": result += "\\b"
      case "\u{0C}": result += "\\f"
      case ..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(nilLiteral: ()) { self = .null }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements) }
}
