// SPDX-License-Identifier: Apache-2.0

/// The values that a function, a filter, a test or a method was called with.
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

/// What went wrong while a template was rendered.
///
/// What works on values knows no lines; the innermost expression or statement around it adds its own.
struct JinjaFailure: Error {
  let reason: String
  private(set) var line: Int?

  init(_ reason: String) { self.reason = reason }

  /// The failure, at a line unless it has one.
  func at(_ line: Int) -> JinjaFailure {
    var failure = self
    failure.line = self.line ?? line
    return failure
  }
}
