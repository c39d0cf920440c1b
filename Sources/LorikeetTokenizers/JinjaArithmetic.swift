// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// `+ - ~ * / // % **`, as in Python.
enum JinjaArithmetic {
  static func apply(
    _ operation: String, _ left: JinjaValue, _ right: JinjaValue
  ) throws(JinjaFailure) -> JinjaValue {
    if operation == "~" {
      try JinjaText.checkSize(left.weight, plus: 1, times: right.weight)
      return .string(left.text + right.text)
    }
    switch (operation, left, right) {
    case ("+", .string(let left), .string(let right)):
      return .string(left + right)
    case ("+", .list(let left), .list(let right)) where left.kind == right.kind:
      return .list(JinjaList(left.items + right.items, kind: left.kind))
    case ("*", .string(let text), _), ("*", _, .string(let text)):
      guard let count = left.integerValue ?? right.integerValue else { break }
      try JinjaText.checkSize(0, plus: max(0, count), times: text.utf8.count)
      return .string(String(repeating: text, count: max(0, count)))
    case ("*", .list(let list), _), ("*", _, .list(let list)):
      guard let count = left.integerValue ?? right.integerValue else { break }
      try JinjaText.checkSize(0, plus: max(0, count), times: list.weight)
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
    case "**": return pow(left, right)
    default:
      guard right != 0 else { throw JinjaFailure("division by zero") }
      if operation == "/" { return left / right }
      let quotient = (left / right).rounded(.down)
      return operation == "//" ? quotient : left - quotient * right
    }
  }
}
