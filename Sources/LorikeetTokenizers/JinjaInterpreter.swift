// SPDX-License-Identifier: Apache-2.0

internal import Foundation

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

  let now: Date
  var scopes: [[String: JinjaValue]]
  var depth = 0
  /// All that the template has made.
  var namespaces: [JinjaNamespace] = []
  private var output = ""
  private var steps = 0

  /// - Parameter name: what messages call the template.
  static func render(
    _ statements: [JinjaStatement], name: String, variables: [String: JinjaValue], now: Date
  ) throws(TokenizerError) -> String {
    var interpreter = JinjaInterpreter(variables: variables, now: now)
    // Namespaces can hold each other; emptied, they can all go.
    defer { for namespace in interpreter.namespaces { namespace.values.removeAll() } }
    do throws(JinjaFailure) {
      _ = try interpreter.execute(statements)
    } catch {
      throw .template(name: name, line: error.line ?? 0, reason: error.reason)
    }
    return interpreter.output
  }

  private init(variables: [String: JinjaValue], now: Date) {
    self.now = now
    var globals = variables
    for function in JinjaFunctions.names { globals[function] = .function(function) }
    scopes = [globals]
  }

  // MARK: Limits

  mutating func charge(_ amount: Int) throws(JinjaFailure) {
    steps += amount
    guard steps <= JinjaInterpreter.maximumSteps else {
      throw JinjaFailure("the template takes more than \(JinjaInterpreter.maximumSteps) steps")
    }
  }

  /// Charges for the work on a value.
  mutating func charge(for value: JinjaValue) throws(JinjaFailure) {
    try charge(value.weight >> 12 + 1)
  }

  mutating func enter() throws(JinjaFailure) {
    depth += 1
    guard depth <= JinjaInterpreter.maximumDepth else {
      throw JinjaFailure("the template goes deeper than \(JinjaInterpreter.maximumDepth) levels")
    }
  }

  private mutating func write(_ text: String) throws(JinjaFailure) {
    guard output.utf8.count + text.utf8.count <= JinjaInterpreter.maximumWeight else {
      throw JinjaFailure("the output exceeds \(JinjaInterpreter.maximumWeight) bytes")
    }
    output += text
  }

  // MARK: Statements

  private mutating func execute(_ statements: [JinjaStatement]) throws(JinjaFailure) -> Flow {
    for statement in statements {
      do throws(JinjaFailure) {
        try enter()
        defer { depth -= 1 }
        try charge(1)
        let flow = try execute(statement)
        if flow != .normal { return flow }
      } catch { throw error.at(statement.line) }
    }
    return .normal
  }

  private mutating func execute(_ statement: JinjaStatement) throws(JinjaFailure) -> Flow {
    switch statement.kind {
    case .text(let text):
      try write(text)
    case .output(let expression):
      try write(try evaluate(expression).text)
    case .branch(let branches, let otherwise):
      for (test, body) in branches where try evaluate(test).isTrue { return try execute(body) }
      return try execute(otherwise)
    case .loop(let target, let values, let filter, let body, let otherwise):
      try loop(target, values, filter, body, otherwise)
    case .set(let target, let expression):
      try assign(try evaluate(expression), to: target)
    case .capture(let target, let body, let filters):
      try assign(try filtered(try capture(body), filters), to: target)
    case .macro(let macro):
      scopes[scopes.count - 1][macro.name] = .macro(macro)
    case .filtered(let body, let filters):
      try write(try filtered(try capture(body), filters).text)
    case .group(let body, let assignments, let scoped):
      guard scoped else { return try execute(body) }
      var scope: [String: JinjaValue] = [:]
      for (target, expression) in assignments {
        guard case .name(let name) = target else {
          throw JinjaFailure("'with' assigns to single names only")
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
    _ body: [JinjaStatement], _ otherwise: [JinjaStatement]
  ) throws(JinjaFailure) {
    var items = try evaluate(values).elements()
    if let filter {
      var kept: [JinjaValue] = []
      for item in items {
        scopes.append([:])
        defer { scopes.removeLast() }
        try assign(item, to: target)
        if try evaluate(filter).isTrue { kept.append(item) }
      }
      items = kept
    }
    guard !items.isEmpty else {
      _ = try execute(otherwise)
      return
    }
    for (index, item) in items.enumerated() {
      try charge(1)
      scopes.append(["loop": .loop(JinjaLoop(index: index, items: items))])
      defer { scopes.removeLast() }
      try assign(item, to: target)
      if try execute(body) == .breakLoop { break }
    }
  }

  private mutating func assign(
    _ value: JinjaValue, to target: JinjaTarget
  ) throws(JinjaFailure) {
    switch target {
    case .name(let name):
      scopes[scopes.count - 1][name] = value
    case .names(let names):
      let items = try value.elements()
      guard items.count == names.count else {
        throw JinjaFailure("expected \(names.count) values to unpack, found \(items.count)")
      }
      for (name, item) in zip(names, items) { scopes[scopes.count - 1][name] = item }
    case .attribute(let name, let attribute):
      guard case .namespace(let namespace) = lookUp(name) else {
        throw JinjaFailure("'\(name)' is not a namespace, so its members cannot be set")
      }
      try JinjaNamespace.requireSettable(attribute)
      namespace.values[attribute] = value
    }
  }

  /// What statements write, as a string.
  mutating func capture(_ body: [JinjaStatement]) throws(JinjaFailure) -> JinjaValue {
    let outer = output
    output = ""
    defer { output = outer }
    scopes.append([:])
    defer { scopes.removeLast() }
    _ = try execute(body)
    return .string(output)
  }

  private mutating func filtered(
    _ value: JinjaValue, _ filters: [(name: String, JinjaArguments)]
  ) throws(JinjaFailure) -> JinjaValue {
    var value = value
    for (filter, arguments) in filters {
      value = try JinjaFilters.apply(filter, to: value, try evaluate(arguments))
      try charge(for: value)
    }
    return value
  }
}
