// SPDX-License-Identifier: Apache-2.0

/// `is ...` and comparisons.
enum JinjaTests {
  static let names: Set<String> = [
    "defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping",
    "iterable", "sequence", "callable", "true", "false", "odd", "even", "divisibleby", "equalto",
    "eq", "ne", "lt", "gt", "le", "ge", "lessthan", "greaterthan", "in", "sameas", "lower", "upper",
  ]

  static func apply(
    _ name: String, to value: JinjaValue, _ call: JinjaCall
  ) throws(JinjaFailure) -> Bool {
    guard names.contains(name) else { throw JinjaFailure("the test '\(name)' is not supported") }
    func other() throws(JinjaFailure) -> JinjaValue {
      guard let other = call.positional.first else {
        throw JinjaFailure("the test '\(name)' needs a value")
      }
      return other
    }
    func integer() throws(JinjaFailure) -> Int {
      guard let integer = value.integerValue else {
        throw JinjaFailure("the test '\(name)' needs an integer, found \(value.kind)")
      }
      return integer
    }
    switch (name, value) {
    case ("defined", _): return !value.isUndefined
    case ("undefined", _): return value.isUndefined
    case ("none", .none): return true
    case ("string", .string): return true
    case ("boolean", .bool): return true
    case ("integer", .integer): return true
    case ("float", .number): return true
    case ("number", .integer), ("number", .number), ("number", .bool): return true
    case ("mapping", .dictionary): return true
    case ("iterable", .string), ("iterable", .list), ("iterable", .dictionary),
      ("iterable", .undefined):
      return true
    case ("sequence", .string), ("sequence", .list), ("sequence", .dictionary),
      ("sequence", .undefined):
      return true
    case ("callable", .macro), ("callable", .function), ("callable", .method): return true
    case ("true", .bool(let flag)): return flag
    case ("false", .bool(let flag)): return !flag
    case ("odd", _): return try integer() % 2 != 0
    case ("even", _): return try integer() % 2 == 0
    case ("divisibleby", _):
      guard let divisor = try other().integerValue, divisor != 0, divisor != -1 else {
        throw JinjaFailure("the test 'divisibleby' needs an integer that is not 0 or -1")
      }
      return try integer() % divisor == 0
    case ("equalto", _), ("eq", _): return try compare("==", value, try other())
    case ("ne", _): return try compare("!=", value, try other())
    case ("lt", _), ("lessthan", _): return try compare("<", value, try other())
    case ("gt", _), ("greaterthan", _): return try compare(">", value, try other())
    case ("le", _): return try compare("<=", value, try other())
    case ("ge", _): return try compare(">=", value, try other())
    case ("in", _): return try compare("in", value, try other())
    case ("sameas", _):
      let other = try other()
      return value.kind == other.kind && JinjaValue.isEqual(value, other)
    case ("lower", .string(let text)): return JinjaText.isLower(text)
    case ("upper", .string(let text)): return JinjaText.isUpper(text)
    default: return false
    }
  }

  static func compare(
    _ operation: String, _ left: JinjaValue, _ right: JinjaValue
  ) throws(JinjaFailure) -> Bool {
    switch operation {
    case "==": return JinjaValue.isEqual(left, right)
    case "!=": return !JinjaValue.isEqual(left, right)
    case "in": return try contains(right, left)
    case "not in": return try !contains(right, left)
    case "<": return try isLess(left, right)
    case ">": return try isLess(right, left)
    case "<=": return try isLess(left, right) || JinjaValue.isEqual(left, right)
    default: return try isLess(right, left) || JinjaValue.isEqual(left, right)
    }
  }

  private static func isLess(_ left: JinjaValue, _ right: JinjaValue) throws(JinjaFailure) -> Bool {
    guard let result = JinjaValue.isLess(left, right) else {
      throw JinjaFailure("\(left.kind) and \(right.kind) have no order")
    }
    return result
  }

  private static func contains(
    _ container: JinjaValue, _ value: JinjaValue
  ) throws(JinjaFailure) -> Bool {
    switch container {
    case .undefined: return false
    case .list(let list): return list.items.contains { JinjaValue.isEqual($0, value) }
    case .dictionary(let dictionary): return dictionary[value] != nil
    case .string(let text):
      guard let part = value.stringValue else {
        throw JinjaFailure("'in' a string needs a string, found \(value.kind)")
      }
      if part.isEmpty { return true }
      return !JinjaText.occurrences(
        of: Array(part.unicodeScalars), in: Array(text.unicodeScalars), overlapping: false
      ).isEmpty
    default: throw JinjaFailure("\(container.kind) contains nothing")
    }
  }
}
