// SPDX-License-Identifier: Apache-2.0

/// An expression of a template.
struct JinjaExpression: Sendable {
  indirect enum Kind: Sendable {
    case constant(JinjaValue)
    case name(String)
    case list([JinjaExpression])
    case tuple([JinjaExpression])
    case dictionary([(key: JinjaExpression, value: JinjaExpression)])
    case attribute(JinjaExpression, String)
    case subscripted(JinjaExpression, JinjaExpression)
    case slice(JinjaExpression, JinjaExpression?, JinjaExpression?, JinjaExpression?)
    case call(JinjaExpression, JinjaArguments)
    case filter(JinjaExpression, String, JinjaArguments)
    case test(JinjaExpression, String, JinjaArguments)
    case not(JinjaExpression)
    case negative(JinjaExpression)
    case positive(JinjaExpression)
    case binary(String, JinjaExpression, JinjaExpression)
    case comparison(JinjaExpression, [(operation: String, right: JinjaExpression)])
    case conditional(JinjaExpression, test: JinjaExpression, otherwise: JinjaExpression?)
  }

  let kind: Kind
  let line: Int

  /// Whether the value is marked as safe HTML; what is added to it with `+` is then escaped.
  /// Seen only within one expression: a variable loses the mark.
  var isMarkup: Bool {
    switch kind {
    case .filter(_, let name, _): ["safe", "e", "escape"].contains(name)
    case .binary("+", let left, let right): left.isMarkup || right.isMarkup
    default: false
    }
  }
}

struct JinjaArguments: Sendable {
  var positional: [JinjaExpression] = []
  var named: [(name: String, value: JinjaExpression)] = []
}

/// What `set` and `for` assign to.
enum JinjaTarget: Sendable {
  case name(String)
  case names([String])
  /// `namespace.attribute`
  case attribute(String, String)
}

struct JinjaMacro: Sendable {
  let name: String
  let parameters: [(name: String, fallback: JinjaExpression?)]
  let body: [JinjaStatement]
}

/// A statement of a template.
struct JinjaStatement: Sendable {
  indirect enum Kind: Sendable {
    case text(String)
    case output(JinjaExpression)
    case branch([(test: JinjaExpression, body: [JinjaStatement])], otherwise: [JinjaStatement])
    case loop(
      JinjaTarget, over: JinjaExpression, where: JinjaExpression?, body: [JinjaStatement],
      otherwise: [JinjaStatement])
    case set(JinjaTarget, JinjaExpression)
    /// `{% set x %}...{% endset %}`
    case capture(JinjaTarget, [JinjaStatement], filters: [(name: String, JinjaArguments)])
    case macro(JinjaMacro)
    /// `{% filter upper %}...{% endfilter %}`
    case filtered([JinjaStatement], filters: [(name: String, JinjaArguments)])
    /// `{% with %}` and `{% generation %}`: a scope of its own, or none.
    case group([JinjaStatement], assignments: [(JinjaTarget, JinjaExpression)], scoped: Bool)
    case breakLoop
    case continueLoop
  }

  let kind: Kind
  let line: Int
}
