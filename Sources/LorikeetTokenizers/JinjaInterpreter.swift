// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// What went wrong in a filter, a test or a method; the interpreter adds the line.
struct JinjaFailure: Error {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}

/// The values a function was called with.
struct JinjaCall {
  var positional: [JinjaValue] = []
  var named: [(name: String, value: JinjaValue)] = []

  /// The argument at a position or of a name.
  func argument(_ index: Int, _ name: String) -> JinjaValue? {
    positional.indices.contains(index)
      ? positional[index] : named.first { $0.name == name }?.value
  }

  func dropFirst() -> JinjaCall {
    JinjaCall(positional: Array(positional.dropFirst()), named: named)
  }
}

/// Renders a template's statements.
///
/// Templates come with models from anywhere, so all they can use up is bounded: steps, the size of
/// values and of the output, and how deep they go.
struct JinjaInterpreter {
  static let maximumSteps = 5_000_000
  static let maximumDepth = 250
  static let maximumValueDepth = 80
  /// The size of a value and of the output, in bytes.
  static let maximumWeight = 1 << 24

  private enum Flow { case normal, breakLoop, continueLoop }

  private let name: String
  private let now: Date
  private var scopes: [[String: JinjaValue]]
  private var output = ""
  private var steps = 0
  private var depth = 0
  private var namespaces: [JinjaNamespace] = []

  static func render(
    _ statements: [JinjaStatement], name: String, variables: [String: JinjaValue], now: Date
  ) throws(TokenizerError) -> String {
    var interpreter = JinjaInterpreter(name: name, variables: variables, now: now)
    // Namespaces can hold each other; emptied, they can all go.
    defer { for namespace in interpreter.namespaces { namespace.values.removeAll() } }
    _ = try interpreter.execute(statements)
    return interpreter.output
  }

  private init(name: String, variables: [String: JinjaValue], now: Date) {
    self.name = name
    self.now = now
    var globals = variables
    for function in ["range", "namespace", "dict", "raise_exception", "strftime_now"] {
      globals[function] = .function(function)
    }
    scopes = [globals]
  }

  private func failure(_ reason: String, _ line: Int) -> TokenizerError {
    .template(name: name, line: line, reason: reason)
  }

  /// Runs a part that knows no lines.
  private func located<Result>(
    _ line: Int, _ body: () throws(JinjaFailure) -> Result
  ) throws(TokenizerError) -> Result {
    do { return try body() } catch { throw failure(error.reason, line) }
  }

  private mutating func charge(_ amount: Int, _ line: Int) throws(TokenizerError) {
    steps += amount
    guard steps <= JinjaInterpreter.maximumSteps else {
      throw failure("the template takes more than \(JinjaInterpreter.maximumSteps) steps", line)
    }
  }

  private mutating func enter(_ line: Int) throws(TokenizerError) {
    depth += 1
    guard depth <= JinjaInterpreter.maximumDepth else {
      throw failure("the template goes deeper than \(JinjaInterpreter.maximumDepth) levels", line)
    }
  }

  private mutating func write(_ text: String, _ line: Int) throws(TokenizerError) {
    guard output.utf8.count + text.utf8.count <= JinjaInterpreter.maximumWeight else {
      throw failure("the output exceeds \(JinjaInterpreter.maximumWeight) bytes", line)
    }
    output += text
  }

  // MARK: Statements

  private mutating func execute(_ statements: [JinjaStatement]) throws(TokenizerError) -> Flow {
    for statement in statements {
      let flow = try execute(statement)
      if flow != .normal { return flow }
    }
    return .normal
  }

  private mutating func execute(_ statement: JinjaStatement) throws(TokenizerError) -> Flow {
    let line = statement.line
    try enter(line)
    defer { depth -= 1 }
    try charge(1, line)
    switch statement.kind {
    case .text(let text):
      try write(text, line)
    case .output(let expression):
      try write(try evaluate(expression).text, line)
    case .branch(let branches, let otherwise):
      for (test, body) in branches where try evaluate(test).isTrue { return try execute(body) }
      return try execute(otherwise)
    case .loop(let target, let values, let filter, let body, let otherwise):
      try loop(target, values, filter, body, otherwise, line)
    case .set(let target, let expression):
      try assign(try evaluate(expression), to: target, line)
    case .capture(let target, let body, let filters):
      let text = try filtered(try capture(body), filters, line)
      try assign(text, to: target, line)
    case .macro(let macro):
      scopes[scopes.count - 1][macro.name] = .macro(macro)
    case .filtered(let body, let filters):
      try write(try filtered(try capture(body), filters, line).text, line)
    case .group(let body, let assignments, let scoped):
      guard scoped else { return try execute(body) }
      var scope: [String: JinjaValue] = [:]
      for (target, expression) in assignments {
        guard case .name(let name) = target else {
          throw failure("'with' assigns to single names only", line)
        }
        scope[name] = try evaluate(expression)
      }
      scopes.append(scope)
      defer { scopes.removeLast() }
      return try execute(body)
    case .breakLoop:
      return .breakLoop
    case .continueLoop:
      return .continueLoop
    }
    return .normal
  }

  private mutating func loop(
    _ target: JinjaTarget, _ values: JinjaExpression, _ filter: JinjaExpression?,
    _ body: [JinjaStatement], _ otherwise: [JinjaStatement], _ line: Int
  ) throws(TokenizerError) {
    let source = try evaluate(values)
    var items = try located(line) { () throws(JinjaFailure) in try source.elements() }
    if let filter {
      var kept: [JinjaValue] = []
      for item in items {
        scopes.append([:])
        defer { scopes.removeLast() }
        try assign(item, to: target, line)
        if try evaluate(filter).isTrue { kept.append(item) }
      }
      items = kept
    }
    guard !items.isEmpty else {
      _ = try execute(otherwise)
      return
    }
    for (index, item) in items.enumerated() {
      try charge(1, line)
      scopes.append(["loop": .loop(JinjaLoop(index: index, items: items))])
      defer { scopes.removeLast() }
      try assign(item, to: target, line)
      if try execute(body) == .breakLoop { break }
    }
  }

  private mutating func assign(
    _ value: JinjaValue, to target: JinjaTarget, _ line: Int
  ) throws(TokenizerError) {
    switch target {
    case .name(let name):
      scopes[scopes.count - 1][name] = value
    case .names(let names):
      let items = try located(line) { () throws(JinjaFailure) in try value.elements() }
      guard items.count == names.count else {
        throw failure("expected \(names.count) values to unpack, found \(items.count)", line)
      }
      for (name, item) in zip(names, items) { scopes[scopes.count - 1][name] = item }
    case .attribute(let name, let attribute):
      guard case .namespace(let namespace) = lookUp(name) else {
        throw failure("'\(name)' is not a namespace, so its members cannot be set", line)
      }
      guard !attribute.hasPrefix("_") else {
        throw failure("a namespace cannot have a member '\(attribute)'", line)
      }
      namespace.values[attribute] = value
    }
  }

  /// What statements write, as a string.
  private mutating func capture(_ body: [JinjaStatement]) throws(TokenizerError) -> JinjaValue {
    let outer = output
    output = ""
    defer { output = outer }
    scopes.append([:])
    defer { scopes.removeLast() }
    _ = try execute(body)
    return .string(output)
  }

  private mutating func filtered(
    _ value: JinjaValue, _ filters: [(name: String, JinjaArguments)], _ line: Int
  ) throws(TokenizerError) -> JinjaValue {
    var value = value
    for (filter, arguments) in filters {
      let call = try evaluate(arguments)
      let input = value
      value = try located(line) { () throws(JinjaFailure) in
        try JinjaFilters.apply(filter, to: input, call)
      }
      try charge(value.weight >> 12 + 1, line)
    }
    return value
  }

  // MARK: Expressions

  private func lookUp(_ name: String) -> JinjaValue {
    for scope in scopes.reversed() {
      if let value = scope[name] { return value }
    }
    return .undefined(name)
  }

  /// A value within its limits. Whoever works on a value has got it from here, so its weight pays
  /// for that work too.
  private mutating func evaluate(
    _ expression: JinjaExpression
  ) throws(TokenizerError) -> JinjaValue {
    try enter(expression.line)
    defer { depth -= 1 }
    let value = try compute(expression)
    try charge(value.weight >> 12 + 1, expression.line)
    guard value.weight <= JinjaInterpreter.maximumWeight else {
      throw failure("a value exceeds \(JinjaInterpreter.maximumWeight) bytes", expression.line)
    }
    guard value.depth <= JinjaInterpreter.maximumValueDepth else {
      throw failure("lists are nested too deeply", expression.line)
    }
    return value
  }

  private mutating func evaluate(_ arguments: JinjaArguments) throws(TokenizerError) -> JinjaCall {
    var call = JinjaCall()
    for argument in arguments.positional { call.positional.append(try evaluate(argument)) }
    for (name, argument) in arguments.named { call.named.append((name, try evaluate(argument))) }
    return call
  }

  private mutating func evaluate(
    _ expressions: [JinjaExpression]
  ) throws(TokenizerError) -> [JinjaValue] {
    var values: [JinjaValue] = []
    for expression in expressions { values.append(try evaluate(expression)) }
    return values
  }

  private mutating func evaluate(
    _ expression: JinjaExpression?
  ) throws(TokenizerError) -> JinjaValue? {
    guard let expression else { return nil }
    return try evaluate(expression) as JinjaValue
  }

  private mutating func compute(
    _ expression: JinjaExpression
  ) throws(TokenizerError) -> JinjaValue {
    let line = expression.line
    switch expression.kind {
    case .constant(let value): return value
    case .name(let name): return lookUp(name)
    case .list(let items): return .list(try evaluate(items))
    case .tuple(let items): return .tuple(try evaluate(items))
    case .dictionary(let members):
      var result = JinjaDictionary()
      for (key, member) in members { result[try evaluate(key)] = try evaluate(member) }
      return .dictionary(result)
    case .attribute(let base, let name):
      let base = try evaluate(base)
      return try located(line) { () throws(JinjaFailure) in try base.attribute(name) }
    case .subscripted(let base, let key):
      let (base, key): (JinjaValue, JinjaValue) = (try evaluate(base), try evaluate(key))
      return try located(line) { () throws(JinjaFailure) in try base.item(key) }
    case .slice(let base, let start, let stop, let step):
      let base: JinjaValue = try evaluate(base)
      let bounds = [try evaluate(start), try evaluate(stop), try evaluate(step)]
      return try located(line) { () throws(JinjaFailure) in try base.slice(bounds) }
    case .call(let callee, let arguments):
      let callee: JinjaValue = try evaluate(callee)
      return try call(callee, try evaluate(arguments), line)
    case .filter(let input, let name, let arguments):
      let input: JinjaValue = try evaluate(input)
      let call = try evaluate(arguments)
      return try located(line) { () throws(JinjaFailure) in
        try JinjaFilters.apply(name, to: input, call)
      }
    case .test(let input, let name, let arguments):
      let input: JinjaValue = try evaluate(input)
      let call = try evaluate(arguments)
      return .bool(
        try located(line) { () throws(JinjaFailure) in
          try JinjaTests.apply(name, to: input, call)
        })
    case .not(let operand):
      return .bool(!(try evaluate(operand) as JinjaValue).isTrue)
    case .negative(let operand):
      let operand: JinjaValue = try evaluate(operand)
      return try located(line) { () throws(JinjaFailure) in
        try JinjaArithmetic.apply("-", .integer(0), operand)
      }
    case .positive(let operand):
      return try evaluate(operand)
    case .binary("and", let left, let right):
      let left: JinjaValue = try evaluate(left)
      return left.isTrue ? try evaluate(right) : left
    case .binary("or", let left, let right):
      let left: JinjaValue = try evaluate(left)
      return left.isTrue ? left : try evaluate(right)
    case .binary(let operation, let left, let right):
      var values: (JinjaValue, JinjaValue) = (try evaluate(left), try evaluate(right))
      if operation == "+", left.isMarkup != right.isMarkup,
        case (.string(let first), .string(let second)) = values
      {
        values = (
          .string(left.isMarkup ? first : JinjaFilters.escape(first)),
          .string(right.isMarkup ? second : JinjaFilters.escape(second))
        )
      }
      return try located(line) { () throws(JinjaFailure) in
        try JinjaArithmetic.apply(operation, values.0, values.1)
      }
    case .comparison(let first, let rest):
      var left: JinjaValue = try evaluate(first)
      for (operation, right) in rest {
        let right: JinjaValue = try evaluate(right)
        let holds = try located(line) { () throws(JinjaFailure) in
          try JinjaTests.compare(operation, left, right)
        }
        guard holds else { return .bool(false) }
        left = right
      }
      return .bool(true)
    case .conditional(let value, let test, let otherwise):
      if (try evaluate(test) as JinjaValue).isTrue { return try evaluate(value) }
      return try evaluate(otherwise) ?? .undefined("the value of an if without else")
    }
  }

  // MARK: Calls

  private mutating func call(
    _ callee: JinjaValue, _ call: JinjaCall, _ line: Int
  ) throws(TokenizerError) -> JinjaValue {
    switch callee {
    case .macro(let macro): return try self.call(macro, call, line)
    case .method(let value, let name):
      return try located(line) { () throws(JinjaFailure) in
        try JinjaMethods.call(name, of: value, call)
      }
    case .function("raise_exception"):
      throw failure(
        "the template refuses the conversation: \(call.argument(0, "message")?.text ?? "")", line)
    case .function("namespace"):
      let namespace = JinjaNamespace()
      namespaces.append(namespace)
      if case .dictionary(let values)? = call.positional.first {
        for (key, value) in values.members { namespace.values[key.text] = value }
      }
      for (name, value) in call.named { namespace.values[name] = value }
      if let name = namespace.values.keys.first(where: { $0.hasPrefix("_") }) {
        throw failure("a namespace cannot have a member '\(name)'", line)
      }
      return .namespace(namespace)
    case .function("strftime_now"):
      return .string(TemplateClock.format(call.argument(0, "format")?.text ?? "", now))
    case .function(let name):
      return try located(line) { () throws(JinjaFailure) in
        try JinjaMethods.call(function: name, call)
      }
    case .undefined(let name): throw failure("'\(name)' is undefined, so it cannot be called", line)
    default: throw failure("\(callee.kind) cannot be called", line)
    }
  }

  private mutating func call(
    _ macro: JinjaMacro, _ call: JinjaCall, _ line: Int
  ) throws(TokenizerError) -> JinjaValue {
    guard call.positional.count <= macro.parameters.count else {
      throw failure("the macro '\(macro.name)' takes \(macro.parameters.count) values", line)
    }
    for (name, _) in call.named where !macro.parameters.contains(where: { $0.name == name }) {
      throw failure("the macro '\(macro.name)' has no parameter '\(name)'", line)
    }
    let outer = scopes
    // A macro sees what is set at the top of the template, and its parameters.
    scopes = [outer[0], [:]]
    defer { scopes = outer }
    for (index, (name, fallback)) in macro.parameters.enumerated() {
      var value = call.argument(index, name)
      if value == nil { value = try evaluate(fallback) }
      scopes[1][name] = value ?? .undefined(name)
    }
    return try capture(macro.body)
  }
}
