// SPDX-License-Identifier: Apache-2.0

/// One JSON object on one line, its keys in the order they were given.
///
/// Numbers are written in the fewest digits that read back as the same value; NaN and infinities,
/// which JSON cannot hold, become null.
public struct JSONLine: Sendable, Equatable, ExpressibleByDictionaryLiteral, CustomStringConvertible
{
  /// A JSON value.
  public indirect enum Value: Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int)
    /// Written with the digits that float32 needs.
    case float(Float)
    case double(Double)
    case string(String)
    case array([Value])
    case object(JSONLine)
  }

  /// The pairs in order; a key that is given twice is written twice.
  public var pairs: [(key: String, value: Value)]

  public init(_ pairs: [(key: String, value: Value)] = []) { self.pairs = pairs }

  public init(dictionaryLiteral elements: (String, Value)...) {
    pairs = elements.map { (key: $0.0, value: $0.1) }
  }

  /// Adds a pair at the end.
  public mutating func append(_ key: String, _ value: Value) { pairs.append((key, value)) }

  public static func == (a: JSONLine, b: JSONLine) -> Bool {
    a.pairs.count == b.pairs.count
      && zip(a.pairs, b.pairs).allSatisfy { $0.key == $1.key && $0.value == $1.value }
  }

  /// The object as text, without a line break.
  public var description: String {
    var text = ""
    write(to: &text)
    return text
  }

  private func write(to text: inout String) {
    text += "{"
    for (index, pair) in pairs.enumerated() {
      if index > 0 { text += ", " }
      JSONLine.writeString(pair.key, to: &text)
      text += ": "
      pair.value.write(to: &text)
    }
    text += "}"
  }

  fileprivate static func writeString(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      // Legal in JSON, but a line break to some readers of lines.
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}

extension JSONLine.Value: CustomStringConvertible {
  /// The value as JSON text, without a line break.
  public var description: String {
    var text = ""
    write(to: &text)
    return text
  }

  fileprivate func write(to text: inout String) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .int(let value): text += String(value)
    case .float(let value): text += value.isFinite ? "\(value)" : "null"
    case .double(let value): text += value.isFinite ? "\(value)" : "null"
    case .string(let value): JSONLine.writeString(value, to: &text)
    case .object(let value): text += value.description
    case .array(let values):
      text += "["
      for (index, value) in values.enumerated() {
        if index > 0 { text += ", " }
        value.write(to: &text)
      }
      text += "]"
    }
  }
}

extension JSONLine.Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .int(value) }
  public init(floatLiteral value: Double) { self = .double(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(nilLiteral: ()) { self = .null }
}
