// SPDX-License-Identifier: Apache-2.0

/// Reads a page tag by tag and remembers what is wrong with it.
struct TagChecker {
  private(set) var faults: [String] = []
  private(set) var elements: [String: Int] = [:]
  /// The values of attributes, entities not resolved.
  private(set) var attributes: [(element: String, name: String, value: String)] = []
  private var open: [String] = []

  private static let void: Set<String> = ["meta", "img", "br", "hr", "link", "input"]

  init(_ page: String) {
    let characters = Array(page.unicodeScalars)
    var position = 0
    while position < characters.count {
      guard characters[position] == "<" else {
        if characters[position] == ">", open.last != "style" { fault("a bare >", position) }
        position += 1
        continue
      }
      guard let end = TagChecker.tagEnd(characters, position) else {
        fault("a tag without an end", position)
        return
      }
      tag(TagChecker.text(characters[position + 1..<end]), position)
      position = end + 1
    }
    if !open.isEmpty { faults.append("never closed: \(open)") }
  }

  private static func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  /// The `>` that ends a tag: the first that is not in quotes.
  private static func tagEnd(_ characters: [Unicode.Scalar], _ start: Int) -> Int? {
    var isQuoted = false
    for position in start..<characters.count {
      if characters[position] == "\"" { isQuoted.toggle() }
      if characters[position] == ">", !isQuoted { return position }
    }
    return nil
  }

  private mutating func fault(_ what: String, _ position: Int) {
    faults.append("\(what) at \(position) in \(open)")
  }

  private mutating func tag(_ content: String, _ position: Int) {
    if content.hasPrefix("!DOCTYPE") { return }
    if content.hasPrefix("/") {
      let name = String(content.dropFirst())
      if open.popLast() != name { fault("</\(name)> closes nothing", position) }
      return
    }
    let isClosed = content.hasSuffix("/")
    let body = isClosed ? content.dropLast() : content[...]
    let name = String(body.prefix { !$0.isWhitespace })
    guard !name.isEmpty, name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }) else {
      return fault("<\(name) is no element", position)
    }
    elements[name, default: 0] += 1
    readAttributes(of: name, body.dropFirst(name.count), position)
    if !isClosed, !TagChecker.void.contains(name) { open.append(name) }
  }

  private mutating func readAttributes(of name: String, _ text: Substring, _ position: Int) {
    var rest = text.drop(while: \.isWhitespace)
    while !rest.isEmpty {
      guard let equals = rest.firstIndex(of: "="), rest[equals...].dropFirst().first == "\"",
        let end = rest[equals...].dropFirst(2).firstIndex(of: "\"")
      else { return fault("attributes of \(name): \(rest.prefix(40))", position) }
      let value = rest[equals...].dropFirst(2).prefix(upTo: end)
      if value.contains("<") { fault("a < in an attribute", position) }
      attributes.append((name, String(rest.prefix(upTo: equals)), String(value)))
      rest = rest[end...].dropFirst().drop(while: \.isWhitespace)
    }
  }
}
