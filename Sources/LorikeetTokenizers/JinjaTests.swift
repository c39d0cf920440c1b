// SPDX-License-Identifier: Apache-2.0

/// `is ...`, comparisons and arithmetic.
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
    case ("lower", .string(let text)):
      return text == text.lowercased() && text != text.uppercased()
    case ("upper", .string(let text)):
      return text == text.uppercased() && text != text.lowercased()
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
      return !JinjaMethods.occurrences(
        of: Array(part.unicodeScalars), in: Array(text.unicodeScalars), overlapping: false
      ).isEmpty
    default: throw JinjaFailure("\(container.kind) contains nothing")
    }
  }
}

/// `+ - ~ * / // % **`, as in Python.
enum JinjaArithmetic {
  static func apply(
    _ operation: String, _ left: JinjaValue, _ right: JinjaValue
  ) throws(JinjaFailure) -> JinjaValue {
    if operation == "~" {
      try JinjaMethods.checkSize(left.weight, plus: 1, times: right.weight)
      return .string(left.text + right.text)
    }
    switch (operation, left, right) {
    case ("+", .string(let left), .string(let right)):
      return .string(left + right)
    case ("+", .list(let left), .list(let right)) where left.kind == right.kind:
      return .list(JinjaList(left.items + right.items, kind: left.kind))
    case ("*", .string(let text), _), ("*", _, .string(let text)):
      guard let count = left.integerValue ?? right.integerValue else { break }
      try JinjaMethods.checkSize(0, plus: max(0, count), times: text.utf8.count)
      return .string(String(repeating: text, count: max(0, count)))
    case ("*", .list(let list), _), ("*", _, .list(let list)):
      guard let count = left.integerValue ?? right.integerValue else { break }
      try JinjaMethods.checkSize(0, plus: max(0, count), times: list.weight)
      let items = Array(repeatElement(list.items, count: max(0, count)).joined())
      return .list(JinjaList(items, kind: list.kind))
    default: break
    }
    if let left = left.integerValue, let right = right.integerValue {
      return try integers(operation, left, right)
    }
    guard let leftNumber = left.numberValue, let rightNumber = right.numberValue else {
      throw JinjaFailure("'\(operation)' does not work on \(left.kind) and \(right.kind)")
    }
    return .number(try numbers(operation, leftNumber, rightNumber))
  }

  private static func integers(
    _ operation: String, _ left: Int, _ right: Int
  ) throws(JinjaFailure) -> JinjaValue {
    let result: (partialValue: Int, overflow: Bool)
    switch operation {
    case "+": result = left.addingReportingOverflow(right)
    case "-": result = left.subtractingReportingOverflow(right)
    case "*": result = left.multipliedReportingOverflow(by: right)
    case "//", "%":
      guard right != 0 else { throw JinjaFailure("division by zero") }
      let (quotient, overflow) = left.dividedReportingOverflow(by: right)
      let remainder = overflow ? 0 : left % right
      // Python rounds down; the remainder has the divisor's sign.
      let isInexact = remainder != 0 && (remainder < 0) != (right < 0)
      result =
        operation == "//"
        ? (isInexact ? quotient - 1 : quotient, overflow)
        : (isInexact ? remainder + right : remainder, false)
    case "**" where right >= 0:
      var power = (partialValue: 1, overflow: false)
      // Anything but 0, 1 and -1 overflows within 64 steps.
      for _ in 0..<min(right, 64 + right % 2) where !power.overflow {
        power = power.partialValue.multipliedReportingOverflow(by: left)
      }
      result = power
    default:
      return .number(try numbers(operation, Double(left), Double(right)))
    }
    guard !result.overflow else { throw JinjaFailure("a number is too large") }
    return .integer(result.partialValue)
  }

  private static func numbers(
    _ operation: String, _ left: Double, _ right: Double
  ) throws(JinjaFailure) -> Double {
    switch operation {
    case "+": return left + right
    case "-": return left - right
    case "*": return left * right
    case "**": return power(left, right)
    default:
      guard right != 0 else { throw JinjaFailure("division by zero") }
      if operation == "/" { return left / right }
      let quotient = (left / right).rounded(.down)
      return operation == "//" ? quotient : left - quotient * right
    }
  }
}
