// SPDX-License-Identifier: Apache-2.0

// Expressions, from the loosest binding to the tightest.

extension JinjaParser {
  /// `a, b` is a tuple where no brackets are needed.
  mutating func expressionOrTuple(
    conditional: Bool = true
  ) throws(TokenizerError) -> JinjaExpression {
    let line = line
    let first = conditional ? try expression() : try disjunction()
    guard isSymbol(",") else { return first }
    var items = [first]
    while take(",") {
      if current.kind == .blockEnd || current.kind == .outputEnd || isName("if") { break }
      items.append(conditional ? try expression() : try disjunction())
    }
    return JinjaExpression(kind: .tuple(items), line: line)
  }

  mutating func expression() throws(TokenizerError) -> JinjaExpression {
    try enter()
    defer { depth -= 1 }
    let known = unknown.count
    var result = try disjunction()
    var chain = 0
    while isName("if") {
      let line = line
      advance()
      let test = try disjunction()
      let otherwise = takeName("else") ? try expression() : nil
      unknown.removeLast(unknown.count - known)
      result = JinjaExpression(
        kind: .conditional(result, test: test, otherwise: otherwise), line: line)
      try link(&chain)
    }
    return result
  }

  /// Counts one more operator in a row.
  private func link(_ chain: inout Int) throws(TokenizerError) {
    chain += 1
    guard chain <= JinjaParser.maximumChain else {
      throw failure("more than \(JinjaParser.maximumChain) operators in a row")
    }
  }

  private mutating func binary(
    _ operations: [String], words: Bool = false,
    _ operand: (inout JinjaParser) throws(TokenizerError) -> JinjaExpression
  ) throws(TokenizerError) -> JinjaExpression {
    var left = try operand(&self)
    var chain = 0
    while let operation = operations.first(where: { words ? isName($0) : isSymbol($0) }) {
      let line = line
      advance()
      left = JinjaExpression(kind: .binary(operation, left, try operand(&self)), line: line)
      try link(&chain)
    }
    return left
  }

  mutating func disjunction() throws(TokenizerError) -> JinjaExpression {
    try binary(["or"], words: true) { parser throws(TokenizerError) in
      try parser.binary(["and"], words: true) { parser throws(TokenizerError) in
        try parser.negation()
      }
    }
  }

  private mutating func negation() throws(TokenizerError) -> JinjaExpression {
    let line = line
    guard takeName("not") else { return try comparison() }
    try enter()
    defer { depth -= 1 }
    return JinjaExpression(kind: .not(try negation()), line: line)
  }

  private mutating func comparison() throws(TokenizerError) -> JinjaExpression {
    let line = line
    let left = try sum()
    var rest: [(operation: String, right: JinjaExpression)] = []
    while true {
      if let operation = ["==", "!=", "<=", ">=", "<", ">"].first(where: isSymbol) {
        advance()
        rest.append((operation, try sum()))
      } else if takeName("in") {
        rest.append(("in", try sum()))
      } else if isName("not"), tokens[min(position + 1, tokens.count - 1)].kind == .name("in") {
        advance()
        advance()
        rest.append(("not in", try sum()))
      } else {
        break
      }
    }
    return rest.isEmpty ? left : JinjaExpression(kind: .comparison(left, rest), line: line)
  }

  private mutating func sum() throws(TokenizerError) -> JinjaExpression {
    try binary(["+", "-"]) { parser throws(TokenizerError) in
      try parser.binary(["~"]) { parser throws(TokenizerError) in
        try parser.binary(["*", "/", "//", "%"]) { parser throws(TokenizerError) in
          try parser.binary(["**"]) { parser throws(TokenizerError) in try parser.unary() }
        }
      }
    }
  }

  private mutating func unary(withFilters: Bool = true) throws(TokenizerError) -> JinjaExpression {
    let line = line
    var result: JinjaExpression
    if isSymbol("-") || isSymbol("+") {
      let isNegative = isSymbol("-")
      advance()
      try enter()
      defer { depth -= 1 }
      let operand = try unary(withFilters: false)
      result = JinjaExpression(
        kind: isNegative ? .negative(operand) : .positive(operand), line: line)
    } else {
      result = try primary()
    }
    result = try postfix(result)
    guard withFilters else { return result }
    var chain = 0
    while true {
      let line = self.line
      if take("|") {
        let name = try filterName()
        let arguments = take("(") ? try arguments() : JinjaArguments()
        result = JinjaExpression(kind: .filter(result, name, arguments), line: line)
      } else if takeName("is") {
        result = try test(result, line)
      } else if take("(") {
        result = JinjaExpression(kind: .call(result, try arguments()), line: line)
      } else {
        return result
      }
      try link(&chain)
    }
  }

  private mutating func filterName() throws(TokenizerError) -> String {
    let line = line
    let name = try expectName()
    if !JinjaFilters.names.contains(name) {
      unknown.append((line, "the filter '\(name)' is not supported"))
    }
    return name
  }

  private mutating func test(
    _ value: JinjaExpression, _ line: Int
  ) throws(TokenizerError) -> JinjaExpression {
    let isNegated = takeName("not")
    let name = try expectName()
    if !JinjaTests.names.contains(name) {
      unknown.append((line, "the test '\(name)' is not supported"))
    }
    var arguments = JinjaArguments()
    if take("(") {
      arguments = try self.arguments()
    } else if beginsTestArgument {
      arguments.positional = [try postfix(try primary())]
    }
    let test = JinjaExpression(kind: .test(value, name, arguments), line: line)
    return isNegated ? JinjaExpression(kind: .not(test), line: line) : test
  }

  /// Whether what follows a test's name is its one argument, as in `is divisibleby 3`.
  private var beginsTestArgument: Bool {
    switch current.kind {
    case .name(let word): !["else", "or", "and", "if", "is", "in", "not"].contains(word)
    case .string, .integer, .number: true
    case .symbol(let symbol): symbol == "[" || symbol == "{"
    default: false
    }
  }

  /// `upper | trim(...)`, for blocks.
  mutating func filterChain() throws(TokenizerError) -> [(name: String, JinjaArguments)] {
    let name = try filterName()
    let arguments = take("(") ? try arguments() : JinjaArguments()
    return [(name, arguments)] + (try laterFilters())
  }

  mutating func laterFilters() throws(TokenizerError) -> [(name: String, JinjaArguments)] {
    var filters: [(name: String, JinjaArguments)] = []
    while take("|") {
      let name = try filterName()
      filters.append((name, take("(") ? try arguments() : JinjaArguments()))
    }
    return filters
  }

  private mutating func postfix(
    _ expression: JinjaExpression
  ) throws(TokenizerError) -> JinjaExpression {
    var result = expression
    var chain = 0
    while true {
      let line = line
      if take(".") {
        if case .integer(let index) = current.kind {
          advance()
          let index = JinjaExpression(kind: .constant(.integer(index)), line: line)
          result = JinjaExpression(kind: .subscripted(result, index), line: line)
        } else {
          result = JinjaExpression(kind: .attribute(result, try expectName()), line: line)
        }
      } else if take("[") {
        result = try subscripted(result, line)
      } else if take("(") {
        result = JinjaExpression(kind: .call(result, try arguments()), line: line)
      } else {
        return result
      }
      try link(&chain)
    }
  }

  private mutating func subscripted(
    _ value: JinjaExpression, _ line: Int
  ) throws(TokenizerError) -> JinjaExpression {
    var parts: [JinjaExpression?] = [nil]
    while !isSymbol("]") {
      if take(":") {
        parts.append(nil)
        guard parts.count <= 3 else { throw failure("a slice with more than three parts") }
      } else {
        guard parts[parts.count - 1] == nil else {
          throw failure("expected ']', found \(found)")
        }
        parts[parts.count - 1] = try expression()
      }
    }
    try expect("]")
    if parts.count == 1 {
      guard let index = parts[0] else { throw failure("expected an index, found ']'") }
      return JinjaExpression(kind: .subscripted(value, index), line: line)
    }
    let step = parts.count == 3 ? parts[2] : nil
    return JinjaExpression(kind: .slice(value, parts[0], parts[1], step), line: line)
  }

  /// The arguments of a call, behind its opening bracket.
  mutating func arguments() throws(TokenizerError) -> JinjaArguments {
    var result = JinjaArguments()
    while !isSymbol(")") {
      guard !isSymbol("*"), !isSymbol("**") else {
        throw failure("arguments with * are not supported")
      }
      if case .name(let name) = current.kind,
        tokens[min(position + 1, tokens.count - 1)].kind == .symbol("=")
      {
        advance()
        advance()
        result.named.append((name, try expression()))
      } else {
        result.positional.append(try expression())
      }
      guard take(",") else { break }
    }
    try expect(")")
    return result
  }

  private mutating func primary() throws(TokenizerError) -> JinjaExpression {
    let token = current
    func make(_ kind: JinjaExpression.Kind) -> JinjaExpression {
      JinjaExpression(kind: kind, line: token.line)
    }
    switch token.kind {
    case .name(let word):
      advance()
      switch word {
      case "true", "True": return make(.constant(.bool(true)))
      case "false", "False": return make(.constant(.bool(false)))
      case "none", "None": return make(.constant(.none))
      default: return make(.name(word))
      }
    case .string(var text):
      advance()
      while case .string(let more) = current.kind {
        text += more
        advance()
      }
      return make(.constant(.string(text)))
    case .integer(let value):
      advance()
      return make(.constant(.integer(value)))
    case .number(let value):
      advance()
      return make(.constant(.number(value)))
    case .symbol("["):
      advance()
      return make(.list(try items(until: "]").items))
    case .symbol("("):
      advance()
      let (items, hasComma) = try items(until: ")")
      return items.count == 1 && !hasComma ? items[0] : make(.tuple(items))
    case .symbol("{"):
      advance()
      var members: [(key: JinjaExpression, value: JinjaExpression)] = []
      while !isSymbol("}") {
        let key = try expression()
        try expect(":")
        members.append((key, try expression()))
        guard take(",") else { break }
      }
      try expect("}")
      return make(.dictionary(members))
    default:
      throw failure("expected an expression, found \(found)")
    }
  }

  private mutating func items(
    until end: String
  ) throws(TokenizerError) -> (items: [JinjaExpression], hasComma: Bool) {
    var items: [JinjaExpression] = []
    var hasComma = false
    while !isSymbol(end) {
      items.append(try expression())
      guard take(",") else { break }
      hasComma = true
    }
    try expect(end)
    return (items, hasComma)
  }
}
