// SPDX-License-Identifier: Apache-2.0

/// A value while a template is rendered; behaves as the Python value it stands for.
enum JinjaValue: Sendable {
  /// What a name or member that does not exist gives; the text is its name.
  case undefined(String)
  case none
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case list(JinjaList)
  case dictionary(JinjaDictionary)
  case namespace(JinjaNamespace)
  case loop(JinjaLoop)
  case macro(JinjaMacro)
  /// A function that every template knows.
  case function(String)
  /// A method with the value it belongs to.
  indirect case method(JinjaValue, String)

  init(_ value: TemplateValue) {
    switch value {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .integer(value)
    case .number(let value): self = .number(value)
    case .string(let value): self = .string(value)
    case .array(let values): self = .list(JinjaList(values.map { JinjaValue($0) }))
    case .object(let object):
      self = .dictionary(
        JinjaDictionary(zip(object.keys, object.values).map { (.string($0), JinjaValue($1)) }))
    }
  }

  static func list(_ items: [JinjaValue]) -> JinjaValue { .list(JinjaList(items)) }
  static func tuple(_ items: [JinjaValue]) -> JinjaValue { .list(JinjaList(items, kind: .tuple)) }
  static func iterator(_ items: [JinjaValue]) -> JinjaValue {
    .list(JinjaList(items, kind: .iterator))
  }

  /// Lists and dictionaries inside each other.
  var depth: Int {
    switch self {
    case .list(let list): list.depth
    case .dictionary(let dictionary): dictionary.depth
    case .method(let value, _): value.depth + 1
    default: 0
    }
  }

  /// About how many bytes this is as text. What occurs twice counts twice, so that the work on a
  /// value is bounded by its weight however it is built.
  var weight: Int {
    switch self {
    case .string(let text): text.utf8.count + 8
    case .list(let list): list.weight
    case .dictionary(let dictionary): dictionary.weight
    case .loop(let loop): loop.items.count
    case .method(let value, _): value.weight
    default: 8
    }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .integer(let value): value != 0
    case .number(let value): value != 0
    case .string(let value): !value.isEmpty
    case .list(let list): list.kind == .iterator || !list.items.isEmpty
    case .dictionary(let dictionary): !dictionary.members.isEmpty
    default: true
    }
  }

  /// The integer, also of a boolean.
  var integerValue: Int? {
    switch self {
    case .integer(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  var numberValue: Double? {
    if case .number(let value) = self { value } else { integerValue.map(Double.init) }
  }

  var stringValue: String? { if case .string(let value) = self { value } else { nil } }

  /// What kind of value this is, for messages.
  var kind: String {
    switch self {
    case .undefined(let name): "'\(name)', which is undefined"
    case .none: "none"
    case .bool: "a boolean"
    case .integer, .number: "a number"
    case .string: "a string"
    case .list(let list): list.kind.rawValue
    case .dictionary: "a dictionary"
    case .namespace: "a namespace"
    case .loop: "the loop variable"
    case .macro, .function, .method: "a function"
    }
  }
}

struct JinjaList: Sendable {
  enum Kind: String {
    case list = "a list"
    case tuple = "a tuple"
    /// What filters as `map` give: true even if nothing is in it, and without a length.
    case iterator = "an iterator, which the filter 'list' would make a list,"
  }

  let items: [JinjaValue]
  let kind: Kind
  let depth: Int
  let weight: Int

  var isTuple: Bool { kind == .tuple }

  init(_ items: [JinjaValue], kind: Kind = .list) {
    self.items = items
    self.kind = kind
    depth = 1 + (items.lazy.map(\.depth).max() ?? 0)
    weight = items.reduce(8) { $0 + $1.weight }
  }
}

/// Keys and values in the order in which they came.
struct JinjaDictionary: Sendable {
  private(set) var members: [(key: JinjaValue, value: JinjaValue)] = []
  private(set) var depth = 1
  private(set) var weight = 8
  private var index: [String: Int] = [:]

  init() {}

  init(_ members: [(JinjaValue, JinjaValue)]) {
    for (key, value) in members { self[key] = value }
  }

  subscript(key: JinjaValue) -> JinjaValue? {
    get { index[JinjaDictionary.name(key)].map { members[$0].value } }
    set {
      guard let newValue else { return }
      depth = max(depth, 1 + max(key.depth, newValue.depth))
      weight += key.weight + newValue.weight
      let name = JinjaDictionary.name(key)
      if let position = index[name] {
        members[position].value = newValue
      } else {
        index[name] = members.count
        members.append((key, newValue))
      }
    }
  }

  /// Keys that are equal in Python have one name.
  private static func name(_ key: JinjaValue) -> String {
    switch key {
    case .string(let text): "s" + text
    case .number(let value):
      if let integer = Int(exactly: value) { "i\(integer)" } else { "n\(value)" }
    default: key.integerValue.map { "i\($0)" } ?? "o" + key.representation
    }
  }
}

/// What `namespace()` makes: the one thing that a template can change.
///
/// `@unchecked Sendable`: made and used within one rendering, on one thread.
final class JinjaNamespace: @unchecked Sendable {
  var values: [String: JinjaValue] = [:]

  static func requireSettable(_ name: String) throws(JinjaFailure) {
    guard !name.hasPrefix("_") else {
      throw JinjaFailure("a namespace cannot have a member '\(name)'")
    }
  }
}

/// The variable `loop`.
struct JinjaLoop: Sendable {
  let index: Int
  let items: [JinjaValue]

  func attribute(_ name: String) -> JinjaValue? {
    switch name {
    case "index": .integer(index + 1)
    case "index0": .integer(index)
    case "revindex": .integer(items.count - index)
    case "revindex0": .integer(items.count - index - 1)
    case "first": .bool(index == 0)
    case "last": .bool(index == items.count - 1)
    case "length": .integer(items.count)
    // These count the levels of recursive loops only.
    case "depth": .integer(1)
    case "depth0": .integer(0)
    case "previtem": index > 0 ? items[index - 1] : .undefined("loop.previtem")
    case "nextitem": index + 1 < items.count ? items[index + 1] : .undefined("loop.nextitem")
    default: nil
    }
  }
}

// MARK: As text

extension JinjaValue {
  /// What Python's `str` gives.
  var text: String {
    switch self {
    case .undefined: ""
    case .string(let value): value
    default: representation
    }
  }

  /// What Python's `repr` gives.
  var representation: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "None"
    case .bool(let value): value ? "True" : "False"
    case .integer(let value): String(value)
    case .number(let value): value.isNaN ? "nan" : String(describing: value)
    case .string(let value): JinjaValue.quoted(value)
    case .list(let list):
      list.isTuple
        ? "(" + list.items.map(\.representation).joined(separator: ", ")
          + (list.items.count == 1 ? ",)" : ")")
        : "[" + list.items.map(\.representation).joined(separator: ", ") + "]"
    case .dictionary(let dictionary):
      "{"
        + dictionary.members.map { $0.key.representation + ": " + $0.value.representation }
        .joined(separator: ", ") + "}"
    case .namespace: "<Namespace>"
    case .loop: "<LoopContext>"
    case .macro(let macro): "<Macro '\(macro.name)'>"
    case .function(let name), .method(_, let name): "<function \(name)>"
    }
  }

  private static func quoted(_ text: String) -> String {
    let scalars = text.unicodeScalars
    let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
    var result = String(quote)
    for scalar in scalars {
      switch scalar {
      case quote, "\\": result += "\\" + String(scalar)
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        result += "\\x" + (digits.count == 1 ? "0" : "") + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + String(quote)
  }
}

// MARK: Comparing

extension JinjaValue {
  static func isEqual(_ left: JinjaValue, _ right: JinjaValue) -> Bool {
    switch (left, right) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.string(let left), .string(let right)): return left.utf8.elementsEqual(right.utf8)
    case (.list(let left), .list(let right)):
      return left.kind == right.kind && left.items.count == right.items.count
        && zip(left.items, right.items).allSatisfy(isEqual)
    case (.dictionary(let left), .dictionary(let right)):
      return left.members.count == right.members.count
        && left.members.allSatisfy { key, value in right[key].map { isEqual(value, $0) } ?? false }
    case (.namespace(let left), .namespace(let right)): return left === right
    default:
      if let left = left.integerValue, let right = right.integerValue { return left == right }
      guard let left = left.numberValue, let right = right.numberValue else { return false }
      return left == right
    }
  }

  /// Whether one comes before the other; nil if they cannot be ordered.
  static func isLess(_ left: JinjaValue, _ right: JinjaValue) -> Bool? {
    switch (left, right) {
    case (.string(let left), .string(let right)):
      return left.unicodeScalars.lexicographicallyPrecedes(right.unicodeScalars)
    case (.list(let left), .list(let right)):
      for (left, right) in zip(left.items, right.items) where !isEqual(left, right) {
        return isLess(left, right)
      }
      return left.items.count < right.items.count
    default:
      if let left = left.integerValue, let right = right.integerValue { return left < right }
      guard let left = left.numberValue, let right = right.numberValue else { return nil }
      return left < right
    }
  }
}
