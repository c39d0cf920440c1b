// SPDX-License-Identifier: Apache-2.0

/// Members, items and methods of values, as in Python.
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

  /// The functions that every template knows and that need nothing of the interpreter.
  static func call(function name: String, _ call: JinjaCall) throws(JinjaFailure) -> JinjaValue {
    if name == "dict" {
      var result = JinjaDictionary()
      if let source = call.positional.first {
        if case .dictionary(let members) = source { result = members }
      }
      for (name, value) in call.named { result[.string(name)] = value }
      return .dictionary(result)
    }
    let numbers = call.positional.compactMap(\.integerValue)
    guard name == "range", (1...3).contains(numbers.count), numbers.count == call.positional.count
    else { throw JinjaFailure("\(name) needs one to three integers") }
    let start = numbers.count == 1 ? 0 : numbers[0]
    let stop = numbers.count == 1 ? numbers[0] : numbers[1]
    let step = numbers.count == 3 ? numbers[2] : 1
    guard step != 0 else { throw JinjaFailure("range with a step of zero") }
    let (span, overflow) = stop.subtractingReportingOverflow(start)
    guard !overflow, step == .min || span.magnitude / step.magnitude < 100_000 else {
      throw JinjaFailure("a range of more than 100000 numbers")
    }
    return .list(Swift.stride(from: start, to: stop, by: step).map { .integer($0) })
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
    let scalars = Array(text.unicodeScalars)
    switch name {
    case "strip", "lstrip", "rstrip":
      return .string(
        strip(text, call.argument(0, "chars"), left: name != "rstrip", right: name != "lstrip"))
    case "split", "rsplit":
      let limit = call.argument(1, "maxsplit")?.integerValue ?? -1
      let separator = call.argument(0, "sep")?.stringValue
      return .list(try split(text, separator, limit, fromEnd: name == "rsplit"))
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
          ? text.utf8.starts(with: end.utf8)
          : text.utf8.reversed().starts(with: end.utf8.reversed())
        if matches { return .bool(true) }
      }
      return .bool(false)
    case "removeprefix":
      let prefix = try operand(0, "prefix")
      guard text.utf8.starts(with: prefix.utf8) else { return .string(text) }
      return .string(String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self))
    case "removesuffix":
      let suffix = try operand(0, "suffix")
      guard text.utf8.reversed().starts(with: suffix.utf8.reversed()) else { return .string(text) }
      return .string(String(decoding: text.utf8.dropLast(suffix.utf8.count), as: UTF8.self))
    case "format": return .string(try JinjaFormat.text(text, call))
    case "upper": return .string(text.uppercased())
    case "lower": return .string(text.lowercased())
    case "capitalize": return .string(capitalize(text))
    case "title": return .string(title(text))
    case "replace":
      return .string(
        try replace(
          text, try operand(0, "old"), try operand(1, "new"),
          call.argument(2, "count")?.integerValue ?? -1))
    case "find", "rfind", "count":
      let wanted = Array(try operand(0, "sub").unicodeScalars)
      let places = occurrences(of: wanted, in: scalars, overlapping: name == "rfind")
      if name == "count" {
        return .integer(wanted.isEmpty ? scalars.count + 1 : places.count)
      }
      if wanted.isEmpty { return .integer(name == "find" ? 0 : scalars.count) }
      return .integer((name == "find" ? places.first : places.last) ?? -1)
    case "join":
      guard let list = call.positional.first else { throw JinjaFailure("join needs a list") }
      return .string(try join(try list.elements(), text))
    case "isdigit":
      return .bool(
        !scalars.isEmpty
          && scalars.allSatisfy {
            $0.properties.numericType == .decimal || $0.properties.numericType == .digit
          })
    case "isalpha":
      return .bool(
        !scalars.isEmpty
          && scalars.allSatisfy { CharacterClass.of($0.value).contains(.letter) })
    case "isalnum":
      return .bool(
        !scalars.isEmpty
          && scalars.allSatisfy {
            !CharacterClass.of($0.value).isDisjoint(with: [.letter, .number])
          })
    case "isspace":
      return .bool(!scalars.isEmpty && scalars.allSatisfy(\.properties.isWhitespace))
    case "isupper": return .bool(text != text.lowercased() && text == text.uppercased())
    case "islower": return .bool(text != text.uppercased() && text == text.lowercased())
    default: throw JinjaFailure("strings have no method '\(name)'")
    }
  }

  static func strip(_ text: String, _ characters: JinjaValue?, left: Bool, right: Bool) -> String {
    let set = characters?.stringValue.map { Set($0.unicodeScalars) }
    func goes(_ scalar: Unicode.Scalar) -> Bool {
      set?.contains(scalar) ?? scalar.properties.isWhitespace
    }
    var rest = text.unicodeScalars[...]
    while left, let first = rest.first, goes(first) { rest.removeFirst() }
    while right, let last = rest.last, goes(last) { rest.removeLast() }
    return String(rest)
  }

  static func replace(
    _ text: String, _ old: String, _ new: String, _ count: Int
  ) throws(JinjaFailure) -> String {
    let scalars = Array(text.unicodeScalars)
    let wanted = Array(old.unicodeScalars)
    var places =
      wanted.isEmpty
      ? Array(0...scalars.count) : occurrences(of: wanted, in: scalars, overlapping: false)
    if count >= 0 { places = Array(places.prefix(count)) }
    try checkSize(text.utf8.count, plus: places.count, times: new.utf8.count)
    var result = String.UnicodeScalarView()
    var done = 0
    for place in places {
      result.append(contentsOf: scalars[done..<place])
      result.append(contentsOf: new.unicodeScalars)
      done = place + wanted.count
    }
    result.append(contentsOf: scalars[done...])
    return String(result)
  }

  static func join(_ items: [JinjaValue], _ separator: String) throws(JinjaFailure) -> String {
    try checkSize(
      items.reduce(0) { $0 + $1.weight }, plus: items.count, times: separator.utf8.count)
    return items.map(\.text).joined(separator: separator)
  }

  /// Refuses a string that would be too large, before it is made.
  static func checkSize(_ base: Int, plus count: Int, times size: Int) throws(JinjaFailure) {
    let (product, overflow) = count.multipliedReportingOverflow(by: size)
    guard !overflow, product <= JinjaInterpreter.maximumWeight,
      base <= JinjaInterpreter.maximumWeight
    else { throw JinjaFailure("a string exceeds \(JinjaInterpreter.maximumWeight) bytes") }
  }

  static func capitalize(_ text: String) -> String {
    text.prefix(1).uppercased() + text.dropFirst().lowercased()
  }

  static func title(_ text: String) -> String {
    var result = ""
    var insideWord = false
    for character in text {
      result += insideWord ? character.lowercased() : character.uppercased()
      insideWord = character.isLetter
    }
    return result
  }

  static func occurrences(
    of wanted: [Unicode.Scalar], in text: [Unicode.Scalar], overlapping: Bool
  ) -> [Int] {
    guard let first = wanted.first, wanted.count <= text.count else { return [] }
    var places: [Int] = []
    var index = 0
    while index + wanted.count <= text.count {
      if text[index] == first, text[index..<index + wanted.count].elementsEqual(wanted) {
        places.append(index)
        index += overlapping ? 1 : wanted.count
      } else {
        index += 1
      }
    }
    return places
  }

  private static func split(
    _ text: String, _ separator: String?, _ limit: Int, fromEnd: Bool
  ) throws(JinjaFailure) -> [JinjaValue] {
    let scalars = Array(text.unicodeScalars)
    var cuts: [Range<Int>] = []
    if let separator {
      let wanted = Array(separator.unicodeScalars)
      guard !wanted.isEmpty else { throw JinjaFailure("split by an empty string") }
      cuts = occurrences(of: wanted, in: scalars, overlapping: false)
        .map { $0..<$0 + wanted.count }
    } else {
      guard limit < 0 else { throw JinjaFailure("split by white space with a limit") }
      return text.unicodeScalars.split { $0.properties.isWhitespace }.map { .string(String($0)) }
    }
    if limit >= 0 { cuts = fromEnd ? Array(cuts.suffix(limit)) : Array(cuts.prefix(limit)) }
    var parts: [JinjaValue] = []
    var done = 0
    for cut in cuts + [scalars.count..<scalars.count] {
      var part = String.UnicodeScalarView()
      part.append(contentsOf: scalars[done..<cut.lowerBound])
      parts.append(.string(String(part)))
      done = cut.upperBound
    }
    return parts
  }
}

// MARK: Members and items

extension JinjaValue {
  /// `value.name`
  func attribute(_ name: String) throws(JinjaFailure) -> JinjaValue {
    switch self {
    case .undefined(let own): throw JinjaFailure("'\(own)' is undefined, so it has no '\(name)'")
    case .dictionary(let dictionary):
      if JinjaMethods.ofDictionary.contains(name) { return .method(self, name) }
      return dictionary[.string(name)] ?? .undefined(name)
    case .string where JinjaMethods.ofString.contains(name): return .method(self, name)
    case .list where JinjaMethods.ofList.contains(name): return .method(self, name)
    case .namespace(let namespace): return namespace.values[name] ?? .undefined(name)
    case .loop(let loop):
      return name == "cycle" ? .method(self, name) : loop.attribute(name) ?? .undefined(name)
    default: return .undefined(name)
    }
  }

  /// `value[key]`
  func item(_ key: JinjaValue) throws(JinjaFailure) -> JinjaValue {
    switch self {
    case .undefined(let own): throw JinjaFailure("'\(own)' is undefined, so it has no items")
    case .dictionary(let dictionary):
      if let value = dictionary[key] { return value }
    case .list(let list):
      if let index = key.integerValue {
        let index = index < 0 ? index + list.items.count : index
        return list.items.indices.contains(index) ? list.items[index] : .undefined("item")
      }
    case .string(let text):
      if let index = key.integerValue {
        let scalars = text.unicodeScalars
        let place = index < 0 ? index + scalars.count : index
        guard place >= 0, place < scalars.count else { return .undefined("item") }
        return .string(String(scalars[scalars.index(scalars.startIndex, offsetBy: place)]))
      }
    default: break
    }
    guard let name = key.stringValue else { return .undefined(key.text) }
    return try attribute(name)
  }

  /// `value[start:stop:step]`
  func slice(_ bounds: [JinjaValue?]) throws(JinjaFailure) -> JinjaValue {
    var numbers: [Int?] = []
    for bound in bounds {
      switch bound {
      case nil, .some(.none): numbers.append(nil)
      case .some(let value):
        guard let number = value.integerValue else {
          throw JinjaFailure("a slice needs integers, found \(value.kind)")
        }
        numbers.append(number)
      }
    }
    let step = numbers[2] ?? 1
    guard step != 0, step != .min else { throw JinjaFailure("a slice with a step of zero") }
    switch self {
    case .list(let list):
      let indices = JinjaValue.sliceIndices(list.items.count, numbers[0], numbers[1], step)
      return .list(JinjaList(indices.map { list.items[$0] }, kind: list.kind))
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      var result = String.UnicodeScalarView()
      for index in JinjaValue.sliceIndices(scalars.count, numbers[0], numbers[1], step) {
        result.append(scalars[index])
      }
      return .string(String(result))
    default: throw JinjaFailure("\(kind) cannot be sliced")
    }
  }

  private static func sliceIndices(
    _ count: Int, _ start: Int?, _ stop: Int?, _ step: Int
  ) -> StrideTo<Int> {
    let (low, high) = step > 0 ? (0, count) : (-1, count - 1)
    func place(_ bound: Int?, _ fallback: Int) -> Int {
      guard let bound else { return fallback }
      return min(max(bound < 0 ? bound + count : bound, low), high)
    }
    let first = step > 0 ? place(start, low) : place(start, high)
    let last = step > 0 ? place(stop, high) : place(stop, low)
    // A stride longer than the list is as good as one of its length.
    let bounded = min(max(step, -count - 1), count + 1)
    return stride(from: first, to: last, by: bounded)
  }

  /// What a loop walks over.
  func elements() throws(JinjaFailure) -> [JinjaValue] {
    switch self {
    case .undefined: return []
    case .list(let list): return list.items
    case .dictionary(let dictionary): return dictionary.members.map(\.key)
    case .string(let text): return text.unicodeScalars.map { .string(String($0)) }
    default: throw JinjaFailure("\(kind) has no elements")
    }
  }
}
