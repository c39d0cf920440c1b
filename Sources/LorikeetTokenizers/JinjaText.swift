// SPDX-License-Identifier: Apache-2.0

/// What Python's string methods do, for methods, filters and tests alike.
enum JinjaText {
  static func begins(_ text: String, with prefix: String) -> Bool {
    text.utf8.starts(with: prefix.utf8)
  }

  static func ends(_ text: String, with suffix: String) -> Bool {
    text.utf8.reversed().starts(with: suffix.utf8.reversed())
  }

  static func isUpper(_ text: String) -> Bool {
    text != text.lowercased() && text == text.uppercased()
  }

  static func isLower(_ text: String) -> Bool {
    text != text.uppercased() && text == text.lowercased()
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

  static func split(
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
