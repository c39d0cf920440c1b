// SPDX-License-Identifier: Apache-2.0

/// Methods of values, as in Python.
enum JinjaMethods {
  static let ofString: Set<String> = [
    "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "upper",
    "lower", "title", "capitalize", "replace", "find", "rfind", "count", "join", "removeprefix",
    "removesuffix", "format", "isdigit", "isalpha", "isspace", "isupper", "islower", "isalnum",
  ]
  static let ofDictionary: Set<String> = ["get", "items", "keys", "values", "copy"]
  static let ofList: Set<String> = ["index", "count"]

  static func call(
    _ name: String, of value: JinjaValue, _ call: JinjaCall
  ) throws(JinjaFailure) -> JinjaValue {
    switch value {
    case .string(let text): return try string(name, text, call)
    case .dictionary(let dictionary):
      switch name {
      case "get":
        guard let key = call.argument(0, "key") else { throw JinjaFailure("get needs a key") }
        return dictionary[key] ?? call.argument(1, "default") ?? .none
      case "items": return .list(dictionary.members.map { .tuple([$0.key, $0.value]) })
      case "keys": return .list(dictionary.members.map(\.key))
      case "values": return .list(dictionary.members.map(\.value))
      default: return value
      }
    case .list(let list):
      guard let wanted = call.positional.first else { throw JinjaFailure("\(name) needs a value") }
      if name == "count" {
        return .integer(list.items.count { JinjaValue.isEqual($0, wanted) })
      }
      guard let index = list.items.firstIndex(where: { JinjaValue.isEqual($0, wanted) })
      else { throw JinjaFailure("the value is not in the list") }
      return .integer(index)
    case .loop(let loop):
      guard !call.positional.isEmpty else { throw JinjaFailure("cycle needs values") }
      return call.positional[loop.index % call.positional.count]
    default: throw JinjaFailure("\(value.kind) has no method '\(name)'")
    }
  }

  // MARK: Strings

  private static func string(
    _ name: String, _ text: String, _ call: JinjaCall
  ) throws(JinjaFailure) -> JinjaValue {
    func operand(_ index: Int, _ label: String) throws(JinjaFailure) -> String {
      guard let value = call.argument(index, label)?.stringValue else {
        throw JinjaFailure("\(name) needs a string")
      }
      return value
    }
    func all(_ holds: (Unicode.Scalar) -> Bool) -> JinjaValue {
      .bool(!text.isEmpty && text.unicodeScalars.allSatisfy(holds))
    }
    switch name {
    case "strip", "lstrip", "rstrip":
      return .string(
        JinjaText.strip(
          text, call.argument(0, "chars"), left: name != "rstrip", right: name != "lstrip"))
    case "split", "rsplit":
      let limit = call.argument(1, "maxsplit")?.integerValue ?? -1
      let separator = call.argument(0, "sep")?.stringValue
      return .list(try JinjaText.split(text, separator, limit, fromEnd: name == "rsplit"))
    case "splitlines":
      var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        .map { $0.last == "\r" ? String($0.dropLast()) : String($0) }
      if lines.last == "" { lines.removeLast() }
      return .list(lines.map { .string($0) })
    case "startswith", "endswith":
      let ends: [JinjaValue] =
        if case .list(let list)? = call.positional.first { list.items } else { call.positional }
      for end in ends {
        guard let end = end.stringValue else { throw JinjaFailure("\(name) needs a string") }
        let matches =
          name == "startswith"
          ? JinjaText.begins(text, with: end) : JinjaText.ends(text, with: end)
        if matches { return .bool(true) }
      }
      return .bool(false)
    case "removeprefix":
      let prefix = try operand(0, "prefix")
      guard JinjaText.begins(text, with: prefix) else { return .string(text) }
      return .string(String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self))
    case "removesuffix":
      let suffix = try operand(0, "suffix")
      guard JinjaText.ends(text, with: suffix) else { return .string(text) }
      return .string(String(decoding: text.utf8.dropLast(suffix.utf8.count), as: UTF8.self))
    case "format": return .string(try JinjaFormat.text(text, call))
    case "upper": return .string(text.uppercased())
    case "lower": return .string(text.lowercased())
    case "capitalize": return .string(JinjaText.capitalize(text))
    case "title": return .string(JinjaText.title(text))
    case "replace":
      return .string(
        try JinjaText.replace(
          text, try operand(0, "old"), try operand(1, "new"),
          call.argument(2, "count")?.integerValue ?? -1))
    case "find", "rfind", "count":
      let scalars = Array(text.unicodeScalars)
      let wanted = Array(try operand(0, "sub").unicodeScalars)
      let places = JinjaText.occurrences(of: wanted, in: scalars, overlapping: name == "rfind")
      if name == "count" {
        return .integer(wanted.isEmpty ? scalars.count + 1 : places.count)
      }
      if wanted.isEmpty { return .integer(name == "find" ? 0 : scalars.count) }
      return .integer((name == "find" ? places.first : places.last) ?? -1)
    case "join":
      guard let list = call.positional.first else { throw JinjaFailure("join needs a list") }
      return .string(try JinjaText.join(try list.elements(), text))
    case "isdigit": return all { [.decimal, .digit].contains($0.properties.numericType) }
    case "isalpha": return all { CharacterClass.of($0.value).contains(.letter) }
    case "isalnum":
      return all { !CharacterClass.of($0.value).isDisjoint(with: [.letter, .number]) }
    case "isspace": return all(\.properties.isWhitespace)
    case "isupper": return .bool(JinjaText.isUpper(text))
    case "islower": return .bool(JinjaText.isLower(text))
    default: throw JinjaFailure("strings have no method '\(name)'")
    }
  }
}
