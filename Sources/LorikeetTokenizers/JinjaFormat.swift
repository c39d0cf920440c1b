// SPDX-License-Identifier: Apache-2.0

/// `'{} of {name}'.format(1, name=2)`, as in Python; without conversions and format
/// specifications.
enum JinjaFormat {
  static func text(_ format: String, _ call: JinjaCall) throws(JinjaFailure) -> String {
    let scalars = Array(format.unicodeScalars)
    var result = ""
    var position = 0
    var nextIndex = 0
    while position < scalars.count {
      let scalar = scalars[position]
      let isDouble = position + 1 < scalars.count && scalars[position + 1] == scalar
      if scalar == "{" || scalar == "}", isDouble {
        result.unicodeScalars.append(scalar)
        position += 2
      } else if scalar == "{" {
        guard let end = scalars[position...].firstIndex(of: "}") else {
          throw JinjaFailure("format: '{' without '}'")
        }
        var name = ""
        name.unicodeScalars.append(contentsOf: scalars[position + 1..<end])
        let value = try field(name, call, &nextIndex).text
        try JinjaText.checkSize(result.utf8.count, plus: 1, times: value.utf8.count)
        result += value
        position = end + 1
      } else if scalar == "}" {
        throw JinjaFailure("format: '}' without '{'")
      } else {
        result.unicodeScalars.append(scalar)
        position += 1
      }
    }
    return result
  }

  private static func field(
    _ name: String, _ call: JinjaCall, _ nextIndex: inout Int
  ) throws(JinjaFailure) -> JinjaValue {
    guard !name.contains(where: { ":!.[{".contains($0) }) else {
      throw JinjaFailure("format: the field {\(name)} is not supported")
    }
    var index = Int(name)
    if name.isEmpty {
      index = nextIndex
      nextIndex += 1
    }
    guard let index else {
      guard let value = call.named.first(where: { $0.name == name })?.value else {
        throw JinjaFailure("format: there is no value '\(name)'")
      }
      return value
    }
    guard call.positional.indices.contains(index) else {
      throw JinjaFailure("format: there are \(call.positional.count) values, not \(index + 1)")
    }
    return call.positional[index]
  }
}
