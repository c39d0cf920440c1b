// SPDX-License-Identifier: Apache-2.0

/// HTML or SVG under construction.
///
/// Literals are markup; strings put into them are text and come out escaped; only other `Markup`
/// goes in as it is. So forgetting to escape is not possible:
///
///     let row: Markup = "<td>\(caption)</td>"
package struct Markup: Sendable, ExpressibleByStringInterpolation {
  package private(set) var text: String

  package init(stringLiteral value: String) { text = value }
  package init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }
  private init(text: String) { self.text = text }

  package struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    package init(literalCapacity: Int, interpolationCount: Int) {
      text.reserveCapacity(literalCapacity)
    }

    package mutating func appendLiteral(_ literal: String) { text += literal }
    package mutating func appendInterpolation(_ markup: Markup) { text += markup.text }
    package mutating func appendInterpolation(_ string: String) { text += Markup.escape(string) }
    package mutating func appendInterpolation(_ number: Int) { text += String(number) }

    /// A coordinate, to a hundredth; what is not finite becomes 0.
    package mutating func appendInterpolation(_ coordinate: Double) {
      let hundredths = (coordinate * 100).rounded()
      guard let whole = Int(exactly: hundredths) else {
        text += "0"
        return
      }
      text += whole % 100 == 0 ? String(whole / 100) : "\(Double(whole) / 100)"
    }
  }

  package static func joined(_ parts: [Markup]) -> Markup {
    Markup(text: parts.map(\.text).joined())
  }

  /// Text for elements and quoted attributes. Characters that HTML forbids become U+FFFD.
  package static func escape(_ string: String) -> String {
    var text = ""
    text.reserveCapacity(string.utf8.count)
    for scalar in string.unicodeScalars {
      switch scalar {
      case "&": text += "&amp;"
      case "<": text += "&lt;"
      case ">": text += "&gt;"
      case "\"": text += "&quot;"
      case "'": text += "&#39;"
      case "\t", "\n": text.unicodeScalars.append(scalar)
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}": text += "\u{FFFD}"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }

  /// A figure with its title above and a note below, either left out when empty.
  package static func figure(title: String, note: String, _ content: Markup) -> Markup {
    let heading: Markup = title.isEmpty ? "" : "<h3>\(title)</h3>\n"
    let caption: Markup = note.isEmpty ? "" : "<figcaption>\(note)</figcaption>\n"
    return "<figure>\n\(heading)\(content)\n\(caption)</figure>\n"
  }
}
