// SPDX-License-Identifier: Apache-2.0

/// The filter `tojson`, as the reference library defines it: Python's `json.dumps` without escapes
/// for HTML, and characters beyond ASCII as they are.
enum JinjaJSON {
  private struct Style {
    var indent: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var isASCII = false
    var sortsKeys = false
  }

  static func text(of value: JinjaValue, _ call: JinjaCall) throws(JinjaFailure) -> String {
    var style = Style()
    style.isASCII = call.argument(0, "ensure_ascii")?.isTrue ?? false
    if let indent = call.argument(1, "indent") {
      if let width = indent.integerValue {
        guard width <= 64 else { throw JinjaFailure("an indent of more than 64") }
        style.indent = String(repeating: " ", count: max(0, width))
      } else {
        style.indent = indent.stringValue
      }
      if style.indent != nil { style.itemSeparator = "," }
    }
    if case .list(let separators)? = call.argument(2, "separators"), separators.items.count == 2 {
      style.itemSeparator = separators.items[0].text
      style.keySeparator = separators.items[1].text
    }
    style.sortsKeys = call.argument(3, "sort_keys")?.isTrue ?? false
    // Every element may get an indent and separators of its own.
    let extra =
      (style.indent?.utf8.count ?? 0) * JinjaInterpreter.maximumValueDepth
      + style.itemSeparator.utf8.count + style.keySeparator.utf8.count
    try JinjaText.checkSize(0, plus: value.weight / 8, times: extra)
    var result = ""
    try write(value, style, 0, &result)
    return result
  }

  private static func write(
    _ value: JinjaValue, _ style: Style, _ level: Int, _ result: inout String
  ) throws(JinjaFailure) {
    switch value {
    case .none: result += "null"
    case .bool(let flag): result += flag ? "true" : "false"
    case .integer, .number: result += value.text
    case .string(let text): JSONWriter.append(text, to: &result, isASCII: style.isASCII)
    case .list(let list):
      guard list.kind != .iterator else { throw JinjaFailure("tojson cannot write \(value.kind)") }
      try enclosed("[", "]", list.items.count, style, level, &result) {
        (index, result) throws(JinjaFailure) in
        try write(list.items[index], style, level + 1, &result)
      }
    case .dictionary(let dictionary):
      var members = dictionary.members
      if style.sortsKeys { members.sort { JinjaValue.isLess($0.key, $1.key) ?? false } }
      try enclosed("{", "}", members.count, style, level, &result) {
        (index, result) throws(JinjaFailure) in
        let key =
          switch members[index].key {
          case .none: "null"
          case .bool(let flag): flag ? "true" : "false"
          default: members[index].key.text
          }
        JSONWriter.append(key, to: &result, isASCII: style.isASCII)
        result += style.keySeparator
        try write(members[index].value, style, level + 1, &result)
      }
    default: throw JinjaFailure("tojson cannot write \(value.kind)")
    }
  }

  private static func enclosed(
    _ open: String, _ close: String, _ count: Int, _ style: Style, _ level: Int,
    _ result: inout String, _ element: (Int, inout String) throws(JinjaFailure) -> Void
  ) throws(JinjaFailure) {
    func newLine(_ level: Int) -> String {
      style.indent.map { "\n" + String(repeating: $0, count: level) } ?? ""
    }
    result += open
    for index in 0..<count {
      if index > 0 { result += style.itemSeparator }
      result += newLine(level + 1)
      try element(index, &result)
    }
    if count > 0 { result += newLine(level) }
    result += close
  }
}

/// Strings as JSON.
enum JSONWriter {
  static func append(_ text: String, to result: inout String, isASCII: Bool = false) {
    result += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{8}": result += "\\b"
      case "\u{C}": result += "\\f"
      case _ where scalar.value < 0x20 || (isASCII && !scalar.isASCII):
        for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
          let digits = String(unit, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
      default: result.unicodeScalars.append(scalar)
      }
    }
    result += "\""
  }
}
