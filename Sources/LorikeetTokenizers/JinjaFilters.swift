// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// `value | filter`.
enum JinjaFilters {
  static let names: Set<String> = [
    "trim", "upper", "lower", "capitalize", "title", "length", "count", "join", "tojson", "default",
    "d", "first", "last", "replace", "list", "items", "dictsort", "selectattr", "rejectattr",
    "select",
    "reject", "map", "string", "int", "float", "abs", "round", "sum", "min", "max", "sort",
    "unique",
    "reverse", "safe", "e", "escape", "indent",
  ]

  static func apply(
    _ name: String, to value: JinjaValue, _ call: JinjaCall
  ) throws(JinjaFailure) -> JinjaValue {
    guard names.contains(name) else { throw JinjaFailure("the filter '\(name)' is not supported") }
    switch name {
    case "trim":
      return .string(
        JinjaText.strip(value.text, call.argument(0, "chars"), left: true, right: true))
    case "upper", "lower", "capitalize", "title":
      return try JinjaMethods.call(name, of: .string(value.text), call)
    case "string": return .string(value.text)
    case "safe": return value
    case "e", "escape": return .string(escape(value.text))
    case "length", "count": return .integer(try length(value))
    case "join":
      var items = try value.elements()
      if let attribute = call.argument(1, "attribute") {
        items = try items.map { item throws(JinjaFailure) in try member(item, attribute) }
      }
      return .string(try JinjaText.join(items, call.argument(0, "d")?.text ?? ""))
    case "tojson": return .string(try JinjaJSON.text(of: value, call))
    case "default", "d":
      let replacesFalse = call.argument(1, "boolean")?.isTrue ?? false
      let isMissing = value.isUndefined || (replacesFalse && !value.isTrue)
      return isMissing ? call.argument(0, "default_value") ?? .string("") : value
    case "replace":
      guard let old = call.argument(0, "old"), let new = call.argument(1, "new") else {
        throw JinjaFailure("replace needs two strings")
      }
      let count = call.argument(2, "count")?.integerValue ?? -1
      return .string(try JinjaText.replace(value.text, old.text, new.text, count))
    case "indent": return .string(try indent(value.text, call))
    case "int", "float", "abs", "round": return try number(name, value, call)
    case "items", "dictsort":
      if value.isUndefined, name == "items" { return .iterator([]) }
      guard case .dictionary = value else {
        throw JinjaFailure("\(name) needs a dictionary, found \(value.kind)")
      }
      let items = try JinjaMethods.call("items", of: value, JinjaCall())
      return name == "items"
        ? .iterator(try items.elements())
        : .list(try sorted(try items.elements(), JinjaCall(), by: .integer(0)))
    case "selectattr", "rejectattr", "select", "reject", "map":
      return try selection(name, value, call)
    default: return try sequence(name, value, call)
    }
  }

  private static func length(_ value: JinjaValue) throws(JinjaFailure) -> Int {
    switch value {
    case .undefined: return 0
    case .string(let text): return text.unicodeScalars.count
    case .list(let list) where list.kind != .iterator: return list.items.count
    case .dictionary(let dictionary): return dictionary.members.count
    default: throw JinjaFailure("\(value.kind) has no length")
    }
  }

  // MARK: Lists

  private static func sequence(
    _ name: String, _ value: JinjaValue, _ call: JinjaCall
  ) throws(JinjaFailure) -> JinjaValue {
    if name == "reverse", case .string(let text) = value {
      return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
    }
    let items = try value.elements()
    switch name {
    case "first": return items.first ?? .undefined("the first of an empty list")
    case "last": return items.last ?? .undefined("the last of an empty list")
    case "list": return .list(items)
    case "reverse": return .iterator(items.reversed())
    case "sort":
      return .list(try sorted(items, call, by: call.argument(2, "attribute")))
    case "unique":
      var kept: [JinjaValue] = []
      for item in items where !kept.contains(where: { JinjaValue.isEqual($0, item) }) {
        guard kept.count < 1000 else { throw JinjaFailure("unique of more than 1000 values") }
        kept.append(item)
      }
      return .iterator(kept)
    case "sum":
      var total = call.argument(1, "start") ?? .integer(0)
      for item in items {
        let term = try call.argument(0, "attribute").map { path throws(JinjaFailure) in
          try member(item, path)
        }
        total = try JinjaArithmetic.apply("+", total, term ?? item)
      }
      return total
    case "min", "max":
      let ordered = try sorted(items, JinjaCall(), by: call.argument(1, "attribute"))
      return (name == "min" ? ordered.first : ordered.last) ?? .undefined(name)
    default: throw JinjaFailure("the filter '\(name)' is not supported")
    }
  }

  private static func sorted(
    _ items: [JinjaValue], _ call: JinjaCall, by attribute: JinjaValue?
  ) throws(JinjaFailure) -> [JinjaValue] {
    let isCaseSensitive = call.argument(1, "case_sensitive")?.isTrue ?? false
    var keyed: [(key: JinjaValue, item: JinjaValue)] = []
    for item in items {
      let key = try attribute.map { path throws(JinjaFailure) in try member(item, path) } ?? item
      if case .string(let text) = key, !isCaseSensitive {
        keyed.append((.string(text.lowercased()), item))
      } else {
        keyed.append((key, item))
      }
    }
    var isOrdered = true
    let isReversed = call.argument(0, "reverse")?.isTrue ?? false
    // Swift's sort is stable.
    keyed.sort { left, right in
      let result =
        isReversed
        ? JinjaValue.isLess(right.key, left.key) : JinjaValue.isLess(left.key, right.key)
      if result == nil { isOrdered = false }
      return result ?? false
    }
    guard isOrdered else { throw JinjaFailure("values of different kinds have no order") }
    return keyed.map(\.item)
  }

  /// A member by its path, as `function.name`.
  private static func member(
    _ value: JinjaValue, _ path: JinjaValue
  ) throws(JinjaFailure) -> JinjaValue {
    guard let text = path.stringValue else { return try value.item(path) }
    var result = value
    for part in text.split(separator: ".") {
      result = try result.item(Int(part).map { .integer($0) } ?? .string(String(part)))
    }
    return result
  }

  private static func selection(
    _ name: String, _ value: JinjaValue, _ call: JinjaCall
  ) throws(JinjaFailure) -> JinjaValue {
    let items = value.isTrue ? try value.elements() : []
    var call = call
    var path: JinjaValue?
    if name.hasSuffix("attr") {
      guard let first = call.positional.first else { throw JinjaFailure("\(name) needs a name") }
      path = first
      call = call.dropFirst()
    } else if name == "map", let attribute = call.argument(.max, "attribute") {
      let fallback = call.argument(.max, "default")
      return .iterator(
        try items.map { item throws(JinjaFailure) in
          let value = try member(item, attribute)
          return value.isUndefined ? fallback ?? value : value
        })
    }
    let function = call.positional.first?.text
    let rest = call.dropFirst()
    if name == "map" {
      guard let function, names.contains(function) else {
        throw JinjaFailure("the filter '\(function ?? "")' is not supported")
      }
      return .iterator(
        try items.map { item throws(JinjaFailure) in try apply(function, to: item, rest) })
    }
    let operators = ["==": "eq", "!=": "ne", "<": "lt", ">": "gt", "<=": "le", ">=": "ge"]
    let test = function.map { operators[$0] ?? $0 }
    if let test, !JinjaTests.names.contains(test) {
      throw JinjaFailure("the test '\(test)' is not supported")
    }
    let keepsTrue = name.hasPrefix("select")
    var kept: [JinjaValue] = []
    for item in items {
      let subject = try path.map { path throws(JinjaFailure) in try member(item, path) } ?? item
      let holds =
        if let test { try JinjaTests.apply(test, to: subject, rest) } else { subject.isTrue }
      if holds == keepsTrue { kept.append(item) }
    }
    return .iterator(kept)
  }

  // MARK: Numbers and text

  private static func number(
    _ name: String, _ value: JinjaValue, _ call: JinjaCall
  ) throws(JinjaFailure) -> JinjaValue {
    switch name {
    case "int":
      if let integer = value.integerValue { return .integer(integer) }
      let text = value.stringValue.map { JinjaText.strip($0, nil, left: true, right: true) }
      if let integer = text.flatMap({ Int($0) }) { return .integer(integer) }
      let number = value.numberValue ?? text.flatMap { Double($0) }
      if let integer = number.flatMap({ Int(exactly: $0.rounded(.towardZero)) }) {
        return .integer(integer)
      }
      return call.argument(0, "default") ?? .integer(0)
    case "float":
      let number = value.numberValue ?? value.stringValue.flatMap { Double($0) }
      return number.map { .number($0) } ?? call.argument(0, "default") ?? .number(0)
    case "abs":
      if let integer = value.integerValue, integer != .min { return .integer(abs(integer)) }
      if let number = value.numberValue { return .number(abs(number)) }
    default:
      let digits = call.argument(0, "precision")?.integerValue ?? 0
      if let number = value.numberValue, (-15...15).contains(digits) {
        let scale = pow(10, Double(digits))
        return switch call.argument(1, "method")?.text ?? "common" {
        case "ceil": .number((number * scale).rounded(.up) / scale)
        case "floor": .number((number * scale).rounded(.down) / scale)
        default: .number((number * scale).rounded(.toNearestOrEven) / scale)
        }
      }
    }
    throw JinjaFailure("\(name) needs a number, found \(value.kind)")
  }

  static func escape(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&#34;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func indent(_ text: String, _ call: JinjaCall) throws(JinjaFailure) -> String {
    let width = call.argument(0, "width") ?? .integer(4)
    let count = width.integerValue ?? 0
    try JinjaText.checkSize(0, plus: max(0, count), times: 1)
    let prefix = width.stringValue ?? String(repeating: " ", count: max(0, count))
    let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    try JinjaText.checkSize(text.utf8.count, plus: lines.count, times: prefix.utf8.count)
    let (first, blank) = (call.argument(1, "first")?.isTrue, call.argument(2, "blank")?.isTrue)
    return lines.enumerated().map { index, line in
      let indents = index == 0 ? first ?? false : blank ?? false || !line.isEmpty
      return (indents ? prefix : "") + String(line)
    }.joined(separator: "\n")
  }
}
