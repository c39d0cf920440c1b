// SPDX-License-Identifier: Apache-2.0

import LorikeetTensors

/// A colour that captions call by name.
struct NamedColor {
  var name: String
  var color: Color

  static let paints = [
    NamedColor(name: "red", color: Color(0.85, 0.13, 0.13)),
    NamedColor(name: "orange", color: Color(0.97, 0.53, 0.08)),
    NamedColor(name: "yellow", color: Color(0.98, 0.86, 0.15)),
    NamedColor(name: "green", color: Color(0.15, 0.62, 0.22)),
    NamedColor(name: "blue", color: Color(0.12, 0.32, 0.85)),
    NamedColor(name: "purple", color: Color(0.5, 0.18, 0.66)),
    NamedColor(name: "pink", color: Color(0.98, 0.55, 0.72)),
    NamedColor(name: "brown", color: Color(0.48, 0.28, 0.13)),
    NamedColor(name: "gray", color: Color(0.55, 0.56, 0.58)),
    NamedColor(name: "black", color: Color(0.1, 0.1, 0.12)),
    NamedColor(name: "white", color: Color(0.97, 0.97, 0.97)),
  ]

  static let pens = [
    NamedColor(name: "black", color: Color(0.1, 0.1, 0.12)),
    NamedColor(name: "blue", color: Color(0.1, 0.22, 0.75)),
    NamedColor(name: "red", color: Color(0.8, 0.08, 0.12)),
    NamedColor(name: "green", color: Color(0.05, 0.45, 0.15)),
    NamedColor(name: "purple", color: Color(0.42, 0.1, 0.58)),
    NamedColor(name: "brown", color: Color(0.42, 0.22, 0.08)),
    NamedColor(name: "white", color: Color(1, 1, 1)),
    NamedColor(name: "yellow", color: Color(1, 0.9, 0.25)),
  ]

  static let papers = [
    NamedColor(name: "white", color: Color(0.98, 0.98, 0.96)),
    NamedColor(name: "yellow", color: Color(0.99, 0.92, 0.55)),
    NamedColor(name: "pink", color: Color(0.99, 0.76, 0.82)),
    NamedColor(name: "green", color: Color(0.72, 0.9, 0.68)),
    NamedColor(name: "blue", color: Color(0.68, 0.84, 0.98)),
    NamedColor(name: "orange", color: Color(0.99, 0.76, 0.5)),
    NamedColor(name: "black", color: Color(0.13, 0.13, 0.16)),
    NamedColor(name: "brown", color: Color(0.62, 0.44, 0.28)),
  ]

  /// The colour as it came out this time: lighter or darker, and a little off in hue.
  func varied(_ random: inout RandomStream, by amount: Double = 0.05) -> Color {
    func shift(_ amount: Double) -> Double { (Double(random.uniform()) * 2 - 1) * amount }
    let all = shift(amount)
    return Color(
      color.red + all + shift(amount / 4), color.green + all + shift(amount / 4),
      color.blue + all + shift(amount / 4))
  }

  /// One of several colours, far enough from all that it must be seen against.
  static func choose(
    _ colors: [NamedColor], against others: [Color], _ random: inout RandomStream
  ) -> NamedColor {
    let visible = colors.filter { one in others.allSatisfy { one.color.contrast(to: $0) > 0.26 } }
    let candidates = visible.isEmpty ? colors : visible
    return candidates[random.index(below: candidates.count)]
  }
}
