// SPDX-License-Identifier: Apache-2.0

/// Builds a template's statements from its tokens; their expressions are parsed in
/// JinjaParser+Expressions.swift.
struct JinjaParser {
  let tokens: [JinjaToken]
  private let name: String
  private(set) var position = 0
  var depth = 0
  private var loops = 0
  /// Whether this stands directly in an `if`, where what is not known fails only when it is
  /// reached.
  private var isConditional = false
  /// What is not known and, so far, stands outside of conditions.
  var unknown: [(line: Int, reason: String)] = []

  /// Statements and brackets inside each other, and operators in a row, at most: what bounds the
  /// stack.
  static let maximumDepth = 48
  static let maximumChain = 96

  static func parse(_ source: String, name: String) throws(TokenizerError) -> [JinjaStatement] {
    var parser = JinjaParser(
      tokens: try JinjaLexer.tokens(source, name: name), name: name)
    let statements = try parser.statements(until: [])
    return statements
  }

  private init(tokens: [JinjaToken], name: String) {
    self.tokens = tokens
    self.name = name
  }

  // MARK: Tokens

  var current: JinjaToken { tokens[position] }
  var line: Int { current.line }

  mutating func advance() {
    if position < tokens.count - 1 { position += 1 }
  }

  func failure(_ reason: String) -> TokenizerError {
    .template(name: name, line: line, reason: reason)
  }

  func isSymbol(_ symbol: String) -> Bool { current.kind == .symbol(symbol) }
  func isName(_ word: String) -> Bool { current.kind == .name(word) }

  mutating func take(_ symbol: String) -> Bool {
    guard isSymbol(symbol) else { return false }
    advance()
    return true
  }

  mutating func takeName(_ word: String) -> Bool {
    guard isName(word) else { return false }
    advance()
    return true
  }

  mutating func expect(_ symbol: String) throws(TokenizerError) {
    guard take(symbol) else { throw failure("expected '\(symbol)', found \(found)") }
  }

  private mutating func expectWord(_ word: String) throws(TokenizerError) {
    guard takeName(word) else { throw failure("expected '\(word)', found \(found)") }
  }

  mutating func expectName() throws(TokenizerError) -> String {
    guard case .name(let word) = current.kind else {
      throw failure("expected a name, found \(found)")
    }
    advance()
    return word
  }

  private mutating func expectBlockEnd() throws(TokenizerError) {
    guard current.kind == .blockEnd else { throw failure("expected '%}', found \(found)") }
    advance()
  }

  var found: String {
    switch current.kind {
    case .text: "text"
    case .outputBegin: "'{{'"
    case .outputEnd: "'}}'"
    case .blockBegin: "'{%'"
    case .blockEnd: "'%}'"
    case .name(let word): "'\(word)'"
    case .string: "a string"
    case .integer, .number: "a number"
    case .symbol(let symbol): "'\(symbol)'"
    case .end: "the end of the template"
    }
  }

  mutating func enter() throws(TokenizerError) {
    depth += 1
    guard depth <= JinjaParser.maximumDepth else { throw failure("nested too deeply") }
  }

  // MARK: Statements

  /// Statements up to a block tag with one of these words, which is left for the caller.
  private mutating func statements(
    until ends: [String]
  ) throws(TokenizerError) -> [JinjaStatement] {
    try enter()
    defer { depth -= 1 }
    var result: [JinjaStatement] = []
    while true {
      let line = line
      switch current.kind {
      case .text(let text):
        advance()
        result.append(JinjaStatement(kind: .text(text), line: line))
      case .outputBegin:
        advance()
        let value = try expressionOrTuple()
        guard current.kind == .outputEnd else { throw failure("expected '}}', found \(found)") }
        advance()
        result.append(JinjaStatement(kind: .output(value), line: line))
        try refuseUnknown()
      case .blockBegin:
        advance()
        guard case .name(let word) = current.kind else {
          throw failure("expected the name of a block, found \(found)")
        }
        if ends.contains(word) { return result }
        result.append(JinjaStatement(kind: try statement(word), line: line))
        try refuseUnknown()
      case .end:
        guard ends.isEmpty else { throw failure("expected '{% \(ends[ends.count - 1]) %}'") }
        return result
      default:
        throw failure("unexpected \(found)")
      }
    }
  }

  /// Fails for filters and tests that are not known, unless they stand in a condition; as the
  /// reference does, so that a template that does not use them can be rendered.
  private mutating func refuseUnknown() throws(TokenizerError) {
    defer { unknown.removeAll() }
    guard !isConditional, let first = unknown.first else { return }
    throw .template(name: name, line: first.line, reason: first.reason)
  }

  private mutating func statement(_ word: String) throws(TokenizerError) -> JinjaStatement.Kind {
    switch word {
    case "if": return try branch()
    case "for": return try loop()
    case "set": return try set()
    case "macro": return try macro()
    case "filter":
      advance()
      let filters = try filterChain()
      try expectBlockEnd()
      return .filtered(try body("endfilter"), filters: filters)
    case "with":
      advance()
      var assignments: [(JinjaTarget, JinjaExpression)] = []
      while current.kind != .blockEnd {
        let target = try target()
        try expect("=")
        assignments.append((target, try expression()))
        guard take(",") else { break }
      }
      try expectBlockEnd()
      return .group(try body("endwith"), assignments: assignments, scoped: true)
    case "generation":
      advance()
      try expectBlockEnd()
      return .group(try body("endgeneration"), assignments: [], scoped: false)
    case "break", "continue":
      guard loops > 0 else { throw failure("'\(word)' outside of a loop") }
      advance()
      try expectBlockEnd()
      return word == "break" ? .breakLoop : .continueLoop
    default:
      throw failure("the block '\(word)' is not supported")
    }
  }

  /// The statements up to an end tag, which is consumed.
  private mutating func body(_ end: String) throws(TokenizerError) -> [JinjaStatement] {
    try refuseUnknown()
    let outer = isConditional
    if end != "endif" { isConditional = false }
    defer { isConditional = outer }
    let result = try statements(until: [end])
    advance()
    try expectBlockEnd()
    return result
  }

  private mutating func branch() throws(TokenizerError) -> JinjaStatement.Kind {
    let outer = isConditional
    isConditional = true
    defer {
      isConditional = outer
      unknown.removeAll()
    }
    var branches: [(test: JinjaExpression, body: [JinjaStatement])] = []
    repeat {
      advance()
      let test = try expressionOrTuple()
      try expectBlockEnd()
      branches.append((test, try statements(until: ["elif", "else", "endif"])))
    } while isName("elif")
    if takeName("else") {
      try expectBlockEnd()
      return .branch(branches, otherwise: try body("endif"))
    }
    try expectWord("endif")
    try expectBlockEnd()
    return .branch(branches, otherwise: [])
  }

  private mutating func loop() throws(TokenizerError) -> JinjaStatement.Kind {
    advance()
    let target = try target()
    try expectWord("in")
    let values = try expressionOrTuple(conditional: false)
    let filter = takeName("if") ? try expression() : nil
    guard !isName("recursive") else { throw failure("recursive loops are not supported") }
    try expectBlockEnd()
    try refuseUnknown()
    let outer = isConditional
    isConditional = false
    loops += 1
    let loopBody = try statements(until: ["else", "endfor"])
    loops -= 1
    isConditional = outer
    if takeName("else") {
      try expectBlockEnd()
      return .loop(
        target, over: values, where: filter, body: loopBody, otherwise: try body("endfor"))
    }
    try expectWord("endfor")
    try expectBlockEnd()
    return .loop(target, over: values, where: filter, body: loopBody, otherwise: [])
  }

  private mutating func set() throws(TokenizerError) -> JinjaStatement.Kind {
    advance()
    let target = try target()
    if take("=") {
      let value = try expressionOrTuple()
      try expectBlockEnd()
      return .set(target, value)
    }
    let filters = isSymbol("|") ? try laterFilters() : []
    try expectBlockEnd()
    return .capture(target, try body("endset"), filters: filters)
  }

  private mutating func macro() throws(TokenizerError) -> JinjaStatement.Kind {
    advance()
    let name = try expectName()
    try expect("(")
    var parameters: [(name: String, fallback: JinjaExpression?)] = []
    while !isSymbol(")") {
      let parameter = try expectName()
      parameters.append((parameter, take("=") ? try expression() : nil))
      guard take(",") else { break }
    }
    try expect(")")
    try expectBlockEnd()
    let outerLoops = loops
    loops = 0
    defer { loops = outerLoops }
    return .macro(JinjaMacro(name: name, parameters: parameters, body: try body("endmacro")))
  }

  private mutating func target() throws(TokenizerError) -> JinjaTarget {
    let isEnclosed = take("(")
    let first = try expectName()
    if !isEnclosed, take(".") { return .attribute(first, try expectName()) }
    var names = [first]
    while take(",") {
      guard case .name(let next) = current.kind, next != "in" else { break }
      advance()
      names.append(next)
    }
    if isEnclosed { try expect(")") }
    return names.count == 1 ? .name(first) : .names(names)
  }
}
