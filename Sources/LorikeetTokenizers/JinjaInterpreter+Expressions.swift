// SPDX-License-Identifier: Apache-2.0

extension JinjaInterpreter {
  func lookUp(_ name: String) -> JinjaValue {
    for scope in scopes.reversed() {
      if let value = scope[name] { return value }
    }
    return .undefined(name)
  }

  /// A value within its limits. Whoever works on a value has got it from here, so its weight pays
  /// for that work too.
  mutating func evaluate(_ expression: JinjaExpression) throws(JinjaFailure) -> JinjaValue {
    do throws(JinjaFailure) {
      try enter()
      defer { depth -= 1 }
      let value = try compute(expression)
      try charge(for: value)
      guard value.weight <= JinjaInterpreter.maximumWeight else {
        throw JinjaFailure("a value exceeds \(JinjaInterpreter.maximumWeight) bytes")
      }
      guard value.depth <= JinjaInterpreter.maximumValueDepth else {
        throw JinjaFailure("lists are nested too deeply")
      }
      return value
    } catch { throw error.at(expression.line) }
  }

  mutating func evaluate(_ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaCall {
    var call = JinjaCall(positional: try evaluate(all: arguments.positional))
    for (name, argument) in arguments.named { call.named.append((name, try evaluate(argument))) }
    return call
  }

  private mutating func evaluate(
    all expressions: [JinjaExpression]
  ) throws(JinjaFailure) -> [JinjaValue] {
    var values: [JinjaValue] = []
    for expression in expressions { values.append(try evaluate(expression)) }
    return values
  }

  private mutating func evaluate(
    ifAny expression: JinjaExpression?
  ) throws(JinjaFailure) -> JinjaValue? {
    guard let expression else { return nil }
    return try evaluate(expression)
  }

  private mutating func compute(
    _ expression: JinjaExpression
  ) throws(JinjaFailure) -> JinjaValue {
    switch expression.kind {
    case .constant(let value): return value
    case .name(let name): return lookUp(name)
    case .list(let items): return .list(try evaluate(all: items))
    case .tuple(let items): return .tuple(try evaluate(all: items))
    case .dictionary(let members):
      var result = JinjaDictionary()
      for (key, member) in members { result[try evaluate(key)] = try evaluate(member) }
      return .dictionary(result)
    case .attribute(let base, let name): return try evaluate(base).attribute(name)
    case .subscripted(let base, let key):
      let base = try evaluate(base)
      return try base.item(try evaluate(key))
    case .slice(let base, let start, let stop, let step):
      let base = try evaluate(base)
      let bounds = [
        try evaluate(ifAny: start), try evaluate(ifAny: stop), try evaluate(ifAny: step),
      ]
      return try base.slice(bounds)
    case .call(let callee, let arguments):
      let callee = try evaluate(callee)
      return try call(callee, try evaluate(arguments))
    case .filter(let input, let name, let arguments):
      let input = try evaluate(input)
      return try JinjaFilters.apply(name, to: input, try evaluate(arguments))
    case .test(let input, let name, let arguments):
      let input = try evaluate(input)
      return .bool(try JinjaTests.apply(name, to: input, try evaluate(arguments)))
    case .not(let operand): return .bool(!(try evaluate(operand)).isTrue)
    case .negative(let operand):
      return try JinjaArithmetic.apply("-", .integer(0), try evaluate(operand))
    case .positive(let operand): return try evaluate(operand)
    case .binary("and", let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? try evaluate(right) : value
    case .binary("or", let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? value : try evaluate(right)
    case .binary(let operation, let left, let right):
      var values = (try evaluate(left), try evaluate(right))
      if operation == "+", left.isMarkup != right.isMarkup,
        case (.string(let first), .string(let second)) = values
      {
        values = (
          .string(left.isMarkup ? first : JinjaFilters.escape(first)),
          .string(right.isMarkup ? second : JinjaFilters.escape(second))
        )
      }
      return try JinjaArithmetic.apply(operation, values.0, values.1)
    case .comparison(let first, let rest):
      var left = try evaluate(first)
      for (operation, expression) in rest {
        let right = try evaluate(expression)
        guard try JinjaTests.compare(operation, left, right) else { return .bool(false) }
        left = right
      }
      return .bool(true)
    case .conditional(let value, let test, let otherwise):
      if try evaluate(test).isTrue { return try evaluate(value) }
      return try evaluate(ifAny: otherwise) ?? .undefined("the value of an if without else")
    }
  }

  // MARK: Calls

  private mutating func call(
    _ callee: JinjaValue, _ call: JinjaCall
  ) throws(JinjaFailure) -> JinjaValue {
    switch callee {
    case .macro(let macro): return try self.call(macro, call)
    case .method(let value, let name): return try JinjaMethods.call(name, of: value, call)
    case .function(let name):
      let result = try JinjaFunctions.call(name, call, now: now)
      if case .namespace(let namespace) = result { namespaces.append(namespace) }
      return result
    case .undefined(let name): throw JinjaFailure("'\(name)' is undefined, so it cannot be called")
    default: throw JinjaFailure("\(callee.kind) cannot be called")
    }
  }

  private mutating func call(
    _ macro: JinjaMacro, _ call: JinjaCall
  ) throws(JinjaFailure) -> JinjaValue {
    guard call.positional.count <= macro.parameters.count else {
      throw JinjaFailure("the macro '\(macro.name)' takes \(macro.parameters.count) values")
    }
    for (name, _) in call.named where !macro.parameters.contains(where: { $0.name == name }) {
      throw JinjaFailure("the macro '\(macro.name)' has no parameter '\(name)'")
    }
    let outer = scopes
    // A macro sees what is set at the top of the template, and its parameters.
    scopes = [outer[0], [:]]
    defer { scopes = outer }
    for (index, (name, fallback)) in macro.parameters.enumerated() {
      var value = call.argument(index, name)
      if value == nil { value = try evaluate(ifAny: fallback) }
      scopes[1][name] = value ?? .undefined(name)
    }
    return try capture(macro.body)
  }
}
