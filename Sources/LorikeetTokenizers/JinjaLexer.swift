// SPDX-License-Identifier: Apache-2.0

/// A piece of a template's source.
struct JinjaToken: Equatable {
  enum Kind: Equatable {
    /// Text outside of tags.
    case text(String)
    case outputBegin, outputEnd
    case blockBegin, blockEnd
    case name(String)
    case string(String)
    case integer(Int)
    case number(Double)
    case symbol(String)
    case end
  }

  let kind: Kind
  /// The line it begins on, from 1.
  let line: Int
}

/// Cuts a template's source into text, tags and what stands in them.
///
/// Line breaks around tags are dropped as with `trim_blocks` and `lstrip_blocks`, which is how the
/// reference library renders chat templates: the one after a block, and the indentation before it.
struct JinjaLexer {
  private let source: [Unicode.Scalar]
  private let name: String
  private var position = 0
  private var line = 1
  private var tokens: [JinjaToken] = []

  static func tokens(_ source: String, name: String) throws(TokenizerError) -> [JinjaToken] {
    var lexer = JinjaLexer(source, name: name)
    try lexer.run()
    return lexer.tokens
  }

  private init(_ source: String, name: String) {
    var scalars: [Unicode.Scalar] = []
    scalars.reserveCapacity(source.utf8.count)
    var previous: Unicode.Scalar = " "
    for scalar in source.unicodeScalars {
      // All line breaks are \n.
      if scalar == "\n", previous == "\r" { scalars.removeLast() }
      scalars.append(scalar == "\r" ? "\n" : scalar)
      previous = scalar
    }
    if scalars.last == "\n" { scalars.removeLast() }
    self.source = scalars
    self.name = name
  }

  private func failure(_ reason: String) -> TokenizerError {
    .template(name: name, line: line, reason: reason)
  }

  private func has(_ text: String, at index: Int) -> Bool {
    var index = index
    for scalar in text.unicodeScalars {
      guard index < source.count, source[index] == scalar else { return false }
      index += 1
    }
    return true
  }

  private mutating func advance(to target: Int) {
    while position < target {
      if source[position] == "\n" { line += 1 }
      position += 1
    }
  }

  // MARK: Text and tags

  private mutating func run() throws(TokenizerError) {
    while position < source.count {
      let start = position
      var tag = position
      while tag < source.count, !isTag(tag) { tag += 1 }
      emitText(start, tag)
      guard tag < source.count else { break }
      advance(to: tag)
      switch source[tag + 1] {
      case "#": try comment()
      case "{": try inside(.outputBegin, .outputEnd, closing: "}}")
      default:
        if let body = rawBody() {
          try raw(from: body)
        } else {
          try inside(.blockBegin, .blockEnd, closing: "%}")
        }
      }
    }
    tokens.append(JinjaToken(kind: .end, line: line))
  }

  private func isTag(_ index: Int) -> Bool {
    guard source[index] == "{", index + 1 < source.count else { return false }
    return source[index + 1] == "{" || source[index + 1] == "%" || source[index + 1] == "#"
  }

  /// Text up to a tag, without what the tag takes away before it.
  private mutating func emitText(_ start: Int, _ tag: Int) {
    var end = tag
    if tag + 2 < source.count, source[tag + 2] == "-" {
      while end > start, source[end - 1].properties.isWhitespace { end -= 1 }
    } else if tag + 1 < source.count, source[tag + 1] != "{",
      !(tag + 2 < source.count && source[tag + 2] == "+")
    {
      var index = tag
      while index > start, source[index - 1] != "\n", source[index - 1].properties.isWhitespace {
        index -= 1
      }
      // Only if nothing but white space stands before the tag on its line.
      if index == 0 || source[index - 1] == "\n" { end = index }
    }
    if end > start { append(.text(string(start, end))) }
  }

  private func string(_ start: Int, _ end: Int) -> String {
    var text = ""
    text.unicodeScalars.append(contentsOf: source[start..<end])
    return text
  }

  private mutating func append(_ kind: JinjaToken.Kind) {
    tokens.append(JinjaToken(kind: kind, line: line))
  }

  /// Goes behind a tag's end, which stands at `index`, and what it takes away after it.
  private mutating func close(at index: Int, isOutput: Bool) {
    let mark = source[index]
    var end = index + (mark == "-" || mark == "+" ? 3 : 2)
    if mark == "-" {
      while end < source.count, source[end].properties.isWhitespace { end += 1 }
    } else if mark != "+", !isOutput, end < source.count, source[end] == "\n" {
      end += 1
    }
    advance(to: end)
  }

  private mutating func comment() throws(TokenizerError) {
    var end = position + 2
    while end < source.count, !has("#}", at: end) { end += 1 }
    guard end < source.count else { throw failure("a comment without an end") }
    let hasMark = end > position + 2 && (source[end - 1] == "-" || source[end - 1] == "+")
    close(at: hasMark ? end - 1 : end, isOutput: false)
  }

  /// Where the text of a `{% raw %}` block begins.
  private func rawBody() -> Int? { tagEnd(position, word: "raw") }

  /// The index of the closing mark of a block tag that has only this word.
  private func tagEnd(_ tag: Int, word: String) -> Int? {
    guard has("{%", at: tag) else { return nil }
    var index = tag + 2
    if index < source.count, source[index] == "-" || source[index] == "+" { index += 1 }
    while index < source.count, source[index].properties.isWhitespace { index += 1 }
    guard has(word, at: index) else { return nil }
    index += word.unicodeScalars.count
    while index < source.count, source[index].properties.isWhitespace { index += 1 }
    return has("%}", at: index) || has("-%}", at: index) || has("+%}", at: index) ? index : nil
  }

  private mutating func raw(from body: Int) throws(TokenizerError) {
    close(at: body, isOutput: false)
    let start = position
    for index in start..<source.count {
      guard let end = tagEnd(index, word: "endraw") else { continue }
      emitText(start, index)
      advance(to: index)
      close(at: end, isOutput: false)
      return
    }
    throw failure("a raw block without an end")
  }

  // MARK: Expressions

  private mutating func inside(
    _ begin: JinjaToken.Kind, _ end: JinjaToken.Kind, closing: String
  ) throws(TokenizerError) {
    append(begin)
    position += 2
    if position < source.count, source[position] == "-" || source[position] == "+" { position += 1 }
    var open = 0
    while true {
      while position < source.count, source[position].properties.isWhitespace {
        advance(to: position + 1)
      }
      guard position < source.count else { throw failure("a tag without an end") }
      // A brace that closes a dictionary is not the end of the tag.
      if open == 0 {
        if has(closing, at: position) { break }
        if has("-" + closing, at: position) || has("+" + closing, at: position) { break }
      }
      try token(&open)
    }
    append(end)
    close(at: position, isOutput: closing == "}}")
  }

  private mutating func token(_ open: inout Int) throws(TokenizerError) {
    let scalar = source[position]
    if scalar == "'" || scalar == "\"" { return try quoted(scalar) }
    if isDigit(scalar) { return try number() }
    if isNameScalar(scalar) {
      let start = position
      while position < source.count, isNameScalar(source[position]) { position += 1 }
      return append(.name(string(start, position)))
    }
    for symbol in ["**", "//", "==", "!=", "<=", ">="] where has(symbol, at: position) {
      position += 2
      return append(.symbol(symbol))
    }
    guard "+-*/%~<>=.,:|()[]{}".unicodeScalars.contains(scalar) else {
      throw failure("'\(scalar)' has no place in a tag")
    }
    if "([{".unicodeScalars.contains(scalar) { open += 1 }
    if ")]}".unicodeScalars.contains(scalar) { open = max(0, open - 1) }
    append(.symbol(String(scalar)))
    position += 1
  }

  private func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

  private func isNameScalar(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "_" || CharacterClass.of(scalar.value).contains(.word)
  }

  private mutating func number() throws(TokenizerError) {
    let start = position
    var isInteger = true
    while position < source.count {
      let scalar = source[position]
      let next = position + 1 < source.count ? source[position + 1] : " "
      if isDigit(scalar) || (scalar == "_" && isDigit(next)) {
        position += 1
      } else if scalar == ".", isInteger, isDigit(next) {
        isInteger = false
        position += 1
      } else if scalar == "e" || scalar == "E", isDigit(next) || next == "-" || next == "+" {
        isInteger = false
        position += 2
      } else {
        break
      }
    }
    let text = string(start, position).filter { $0 != "_" }
    if isInteger, let value = Int(text) { return append(.integer(value)) }
    guard !isInteger, let value = Double(text), value.isFinite else {
      throw failure("the number \(text.prefix(40)) is too large")
    }
    append(.number(value))
  }

  private mutating func quoted(_ quote: Unicode.Scalar) throws(TokenizerError) {
    let startLine = line
    var text = ""
    position += 1
    while position < source.count, source[position] != quote {
      if source[position] == "\\", position + 1 < source.count {
        try escape(into: &text)
      } else {
        text.unicodeScalars.append(source[position])
        advance(to: position + 1)
      }
    }
    guard position < source.count else { throw failure("a string without an end") }
    position += 1
    tokens.append(JinjaToken(kind: .string(text), line: startLine))
  }

  /// Reads an escape as Python does; unknown ones keep their backslash.
  private mutating func escape(into text: inout String) throws(TokenizerError) {
    let scalar = source[position + 1]
    advance(to: position + 2)
    let simple: [Unicode.Scalar: Unicode.Scalar] = [
      "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", "\"": "\"", "a": "\u{7}",
      "b": "\u{8}", "f": "\u{C}", "v": "\u{B}",
    ]
    if let plain = simple[scalar] {
      text.unicodeScalars.append(plain)
    } else if let count = ["x": 2, "u": 4, "U": 8][scalar] {
      guard position + count <= source.count,
        let value = UInt32(string(position, position + count), radix: 16),
        let result = Unicode.Scalar(value)
      else { throw failure("a bad \\\(scalar) escape") }
      text.unicodeScalars.append(result)
      position += count
    } else if ("0"..."7").contains(scalar) {
      var value = scalar.value - 48
      var digits = 1
      while digits < 3, position < source.count, ("0"..."7").contains(source[position]) {
        value = value * 8 + source[position].value - 48
        position += 1
        digits += 1
      }
      if let result = Unicode.Scalar(value) { text.unicodeScalars.append(result) }
    } else if scalar != "\n" {
      text.unicodeScalars.append("\\")
      text.unicodeScalars.append(scalar)
    }
  }
}
