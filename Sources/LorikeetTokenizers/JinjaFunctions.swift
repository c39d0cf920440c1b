// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The functions that every template knows.
enum JinjaFunctions {
  static let names = ["range", "namespace", "dict", "raise_exception", "strftime_now"]

  /// - Parameter now: the time for `strftime_now`.
  static func call(
    _ name: String, _ call: JinjaCall, now: Date
  ) throws(JinjaFailure) -> JinjaValue {
    switch name {
    case "raise_exception":
      let message = call.argument(0, "message")?.text ?? ""
      throw JinjaFailure("the template refuses the conversation: \(message)")
    case "strftime_now":
      return .string(TemplateClock.format(call.argument(0, "format")?.text ?? "", now))
    case "namespace": return .namespace(try namespace(call))
    case "dict":
      var result = JinjaDictionary()
      if case .dictionary(let members)? = call.positional.first { result = members }
      for (name, value) in call.named { result[.string(name)] = value }
      return .dictionary(result)
    default: return .list(try range(call).map { .integer($0) })
    }
  }

  private static func namespace(_ call: JinjaCall) throws(JinjaFailure) -> JinjaNamespace {
    let namespace = JinjaNamespace()
    if case .dictionary(let values)? = call.positional.first {
      for (key, value) in values.members { namespace.values[key.text] = value }
    }
    for (name, value) in call.named { namespace.values[name] = value }
    for name in namespace.values.keys { try JinjaNamespace.requireSettable(name) }
    return namespace
  }

  private static func range(_ call: JinjaCall) throws(JinjaFailure) -> StrideTo<Int> {
    let numbers = call.positional.compactMap(\.integerValue)
    guard (1...3).contains(numbers.count), numbers.count == call.positional.count
    else { throw JinjaFailure("range needs one to three integers") }
    let start = numbers.count == 1 ? 0 : numbers[0]
    let stop = numbers.count == 1 ? numbers[0] : numbers[1]
    let step = numbers.count == 3 ? numbers[2] : 1
    guard step != 0 else { throw JinjaFailure("range with a step of zero") }
    let (span, overflow) = stop.subtractingReportingOverflow(start)
    guard !overflow, step == .min || span.magnitude / step.magnitude < 100_000 else {
      throw JinjaFailure("a range of more than 100000 numbers")
    }
    return stride(from: start, to: stop, by: step)
  }
}
