// SPDX-License-Identifier: Apache-2.0

/// Reads the regular expressions that `SplitRegex` knows.
struct SplitRegexParser {
  private let source: [Unicode.Scalar]
  private var position = 0
  private var depth = 0
  private var ignoresCase = false

  init(_ source: String) { self.source = Array(source.unicodeScalars) }

  /// The alternatives, or nil for an expression that is not known or not well formed.
  mutating func parse() -> [SplitRegex.Alternative]? {
    guard let alternatives = alternatives(), position == source.count else { return nil }
    return alternatives
  }

  private var current: Unicode.Scalar? { position < source.count ? source[position] : nil }

  private mutating func take(_ text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    guard position + scalars.count <= source.count,
      source[position..<position + scalars.count].elementsEqual(scalars)
    else { return false }
    position += scalars.count
    return true
  }

  private mutating func alternatives() -> [SplitRegex.Alternative]? {
    depth += 1
    defer { depth -= 1 }
    guard depth < 16 else { return nil }
    var result = [SplitRegex.Alternative()]
    while let scalar = current, scalar != ")" {
      if scalar == "|" {
        position += 1
        result.append(SplitRegex.Alternative())
        continue
      }
      guard let atom = atom(), let item = repetition(of: atom) else { return nil }
      result[result.count - 1].items.append(item)
    }
    for index in result.indices { result[index].lead = lead(of: result[index].items) }
    return result
  }

  /// What a match of items in a row can begin with; nil if it can be empty, or not be told.
  private func lead(of items: [SplitRegex.Item]) -> ScalarSetUnion? {
    var union = ScalarSetUnion()
    for item in items {
      switch item.atom {
      case .set(let set): union.insert(set)
      case .group(let alternatives):
        for alternative in alternatives {
          guard let lead = alternative.lead else { return nil }
          union.insert(lead)
        }
      case .ahead, .end: return nil
      }
      if item.minimum > 0 { return union }
    }
    return nil
  }

  // MARK: What matches

  private mutating func atom() -> SplitRegex.Atom? {
    guard let scalar = current else { return nil }
    switch scalar {
    case "(": return group()
    case "[":
      position += 1
      return bracket().map { .set($0) }
    case "\\":
      position += 1
      var set = ScalarSet()
      guard let negated = escape(into: &set) else { return nil }
      set.finish(negated: negated)
      return .set(set)
    case "$":
      position += 1
      return .end
    case ".":
      // All but the line feed.
      position += 1
      var set = ScalarSet()
      set.insert(0x0A...0x0A)
      set.finish(negated: true)
      return .set(set)
    case "^", "*", "+", "?", "{", "}", "]", ")": return nil
    default:
      position += 1
      var set = ScalarSet()
      insert(scalar.value, into: &set)
      set.finish()
      return .set(set)
    }
  }

  private mutating func group() -> SplitRegex.Atom? {
    let outer = ignoresCase
    defer { ignoresCase = outer }
    var ahead: Bool?
    if take("(?!") {
      ahead = true
    } else if take("(?=") {
      ahead = false
    } else if take("(?i:") {
      ignoresCase = true
    } else if !take("(?:") {
      // A group that is kept matches as one that is not; other extensions are not known.
      position += 1
      guard current != "?" else { return nil }
    }
    guard let alternatives = alternatives(), take(")") else { return nil }
    return ahead.map { .ahead(alternatives, negated: $0) } ?? .group(alternatives)
  }

  private mutating func repetition(of atom: SplitRegex.Atom) -> SplitRegex.Item? {
    var item = SplitRegex.Item(atom: atom)
    if take("?") {
      item.minimum = 0
    } else if take("*") {
      (item.minimum, item.maximum) = (0, .max)
    } else if take("+") {
      item.maximum = .max
    } else if take("{") {
      guard let minimum = number() else { return nil }
      item.minimum = minimum
      item.maximum = minimum
      if take(",") { item.maximum = current == "}" ? .max : number() ?? -1 }
      guard take("}"), item.maximum >= item.minimum else { return nil }
      // The reference library's engine takes a plus behind braces for another repetition.
      if current == "+" || current == "?" { return nil }
      return checked(item)
    } else {
      return item
    }
    if take("+") { item.isPossessive = true }
    // Lazy, or repeated repetition.
    if let scalar = current, ["?", "*", "+", "{"].contains(scalar) { return nil }
    return checked(item)
  }

  private func checked(_ item: SplitRegex.Item) -> SplitRegex.Item? {
    switch item.atom {
    case .set: return item
    case .group:
      guard item.maximum <= SplitRegex.maximumGroupCount, !item.isPossessive else { return nil }
      return item
    case .ahead, .end: return nil
    }
  }

  private mutating func number() -> Int? {
    var value = 0
    var digits = 0
    while let scalar = current, ("0"..."9").contains(scalar), digits < 5 {
      value = value * 10 + Int(scalar.value) - 48
      position += 1
      digits += 1
    }
    return digits > 0 ? value : nil
  }

  // MARK: Sets

  private mutating func bracket() -> ScalarSet? {
    var set = ScalarSet()
    let negated = take("^")
    var isFirst = true
    while let scalar = current, scalar != "]" || isFirst {
      // Sets within sets and their intersections.
      if scalar == "[" || (scalar == "]" && isFirst) { return nil }
      if scalar == "&", position + 1 < source.count, source[position + 1] == "&" { return nil }
      isFirst = false
      var first: UInt32
      if scalar == "\\" {
        position += 1
        if let literal = literalEscape() {
          first = literal
        } else {
          // `[^\S]` would be a set within a set.
          guard escape(into: &set) == false else { return nil }
          if current == "-", position + 1 < source.count, source[position + 1] != "]" { return nil }
          continue
        }
      } else {
        first = scalar.value
        position += 1
      }
      if current == "-", position + 1 < source.count, source[position + 1] != "]" {
        position += 1
        guard let last = rangeEnd(), first <= last else { return nil }
        guard !ignoresCase else { return nil }
        set.insert(first...last)
      } else {
        insert(first, into: &set)
      }
    }
    guard take("]") else { return nil }
    set.finish(negated: negated)
    return set
  }

  private mutating func rangeEnd() -> UInt32? {
    guard let scalar = current, scalar != "[" else { return nil }
    position += 1
    return scalar == "\\" ? literalEscape() : scalar.value
  }

  /// A character, in both cases if case does not count.
  private func insert(_ value: UInt32, into set: inout ScalarSet) {
    set.insert(value...value)
    guard ignoresCase, let scalar = Unicode.Scalar(value), scalar.isASCII else { return }
    let letter = value | 0x20
    guard (0x61...0x7A).contains(letter) else { return }
    set.insert(letter...letter)
    set.insert(letter - 0x20...letter - 0x20)
    // The long s and the sign of the kelvin are an s and a k in another case.
    if letter == 0x73 { set.insert(0x17F...0x17F) }
    if letter == 0x6B { set.insert(0x212A...0x212A) }
  }

  /// An escape that stands for one character; the position is behind the backslash.
  private mutating func literalEscape() -> UInt32? {
    guard let scalar = current else { return nil }
    let controls: [Unicode.Scalar: UInt32] = [
      "n": 0x0A, "r": 0x0D, "t": 0x09, "f": 0x0C, "v": 0x0B,
    ]
    if let control = controls[scalar] {
      position += 1
      return control
    }
    let isWord = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
    guard !isWord, scalar.isASCII else { return nil }
    position += 1
    return scalar.value
  }

  /// Adds what an escape stands for; whether it is to be negated, or nil for an unknown one.
  private mutating func escape(into set: inout ScalarSet) -> Bool? {
    if let literal = literalEscape() {
      set.insert(literal...literal)
      return false
    }
    guard let scalar = current else { return nil }
    position += 1
    switch scalar {
    case "s", "S":
      set.insertSpace()
      return scalar == "S"
    case "w", "W":
      set.insertWord()
      return scalar == "W"
    case "d", "D":
      guard let digits = ScalarSet.categories(named: "Nd") else { return nil }
      set.insert(categories: digits)
      return scalar == "D"
    case "p", "P":
      guard take("{") else { return nil }
      var name = ""
      while let scalar = current, scalar != "}" {
        name.unicodeScalars.append(scalar)
        position += 1
      }
      guard take("}"), let categories = ScalarSet.categories(named: name) else { return nil }
      set.insert(categories: categories)
      return scalar == "P"
    default: return nil
    }
  }
}
