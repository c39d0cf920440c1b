// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Any other regular expression, by Foundation's engine.
///
/// `\s` is rewritten, because ICU's leaves out U+000B and U+0085, which the reference library's
/// engine counts as white space.
///
/// `@unchecked Sendable`: NSRegularExpression never changes after it is made, and its documentation
/// allows matching from several threads at once.
struct RegexPattern: SplitPattern, @unchecked Sendable {
  private let expression: NSRegularExpression

  init?(_ source: String) {
    let source = RegexPattern.withWhiteSpaceProperty(source)
    guard let expression = try? NSRegularExpression(pattern: source) else { return nil }
    self.expression = expression
  }

  func forEachMatch(in text: [UInt8], _ range: Range<Int>, _ found: (Range<Int>) -> Void) {
    let string = String(decoding: text[range], as: UTF8.self)
    let units = Array(string.utf16)
    // Matches are given in UTF-16 units; walk along to translate them to bytes.
    var unit = 0
    var byte = range.lowerBound
    func advance(to target: Int) -> Int {
      while unit < target, unit < units.count {
        let value = units[unit]
        byte += value < 0x80 ? 1 : value < 0x800 ? 2 : UTF16.isSurrogate(value) ? 2 : 3
        unit += 1
      }
      return byte
    }
    let whole = NSRange(location: 0, length: units.count)
    for match in expression.matches(in: string, range: whole) where match.range.length > 0 {
      let start = advance(to: match.range.location)
      found(start..<advance(to: match.range.location + match.range.length))
    }
  }

  private static func withWhiteSpaceProperty(_ source: String) -> String {
    var result = ""
    var isEscaped = false
    for character in source.unicodeScalars {
      if isEscaped {
        switch character {
        case "s": result += #"\p{White_Space}"#
        case "S": result += #"\P{White_Space}"#
        default:
          result += "\\"
          result.unicodeScalars.append(character)
        }
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else {
        result.unicodeScalars.append(character)
      }
    }
    return isEscaped ? result + "\\" : result
  }
}
