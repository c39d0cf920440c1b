// SPDX-License-Identifier: Apache-2.0

/// A JSON-like value: what chat templates see, and what configuration files hold.
public enum TemplateValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([TemplateValue])
  case object(TemplateObject)

  /// The value that a JSON text stands for.
  ///
  /// - Parameter name: what messages call the text.
  /// - Throws: `TokenizerError.invalidJSON` if it is not JSON.
  public init(json: [UInt8], name: String) throws(TokenizerError) {
    self = try JSONReader.parse(json, file: name)
  }

  package var stringValue: String? { if case .string(let value) = self { value } else { nil } }
  package var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var arrayValue: [TemplateValue]? {
    if case .array(let value) = self { value } else { nil }
  }
  package var objectValue: TemplateObject? {
    if case .object(let value) = self { value } else { nil }
  }
  /// The integer, also when it is written as a number without a fraction.
  package var integerValue: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  package var numberValue: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// What kind of value this is, for error messages.
  package var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer, .number: "a number"
    case .string: "a string"
    case .array: "a list"
    case .object: "an object"
    }
  }
}

/// The members of an object, in the order in which they stand.
public struct TemplateObject: Sendable, Equatable {
  public private(set) var keys: [String] = []
  public private(set) var values: [TemplateValue] = []

  public init() {}

  public init(_ members: [(String, TemplateValue)]) {
    for (key, value) in members { append(key, value) }
  }

  public var count: Int { keys.count }

  /// The value of a key; of several members with one name, the last.
  public subscript(key: String) -> TemplateValue? {
    for index in keys.indices.reversed() where keys[index].utf8.elementsEqual(key.utf8) {
      return values[index]
    }
    return nil
  }

  /// Adds a member at the end, without looking for an older one of the same name.
  public mutating func append(_ key: String, _ value: TemplateValue) {
    keys.append(key)
    values.append(value)
  }
}

extension TemplateValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
  ExpressibleByNilLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(arrayLiteral elements: TemplateValue...) { self = .array(elements) }
  public init(nilLiteral: ()) { self = .null }
  public init(dictionaryLiteral elements: (String, TemplateValue)...) {
    self = .object(TemplateObject(elements))
  }
}
