// SPDX-License-Identifier: Apache-2.0

import LorikeetTensors

/// How many things there are, how large, and where: what both sets share.
struct Composition {
  enum Size: Equatable { case small, medium, big }

  var kind: Kind
  var count: Int
  var size: Size
  /// Where a small thing alone is: -1, 0 or 1 in both directions.
  var cell = (x: 0, y: 0)
  var placements: [Placement]

  init(_ kind: Kind, count: Int, wobble: Double, _ random: inout RandomStream) {
    let isSingleInMiddle: Bool
    func signed() -> Double { Double(random.uniform()) * 2 - 1 }
    self.kind = kind
    self.count = count
    let chance = random.uniform()
    size = chance < 0.3 ? .small : chance < 0.75 || count > 1 ? .medium : .big
    if count == 1, size == .small {
      cell = (random.index(below: 3) - 1, random.index(below: 3) - 1)
    }
    isSingleInMiddle = count == 1 && cell == (0, 0)
    let scale: Double =
      switch (count, size) {
      case (1, .small): 0.36
      case (1, .medium): 0.62
      case (1, .big): 0.92
      case (2, .small): 0.3
      case (2, _): 0.45
      case (_, .small): 0.25
      default: 0.35
      }
    let centres: [(Double, Double)] =
      switch count {
      case 1: [(Double(cell.x) * 0.52, Double(cell.y) * 0.52)]
      case 2: [(-0.5, 0), (0.5, 0)]
      default: [(-0.52, 0.42), (0.52, 0.42), (0, -0.45)]
      }
    // Two of a kind need not stand on one line, but must not cross.
    let slope = count == 2 ? signed() * 0.35 : 0
    let isMirrored = random.uniform() < 0.5
    placements = centres.enumerated().map { index, centre in
      let size = scale * (1 + 0.08 * signed())
      let room = isSingleInMiddle ? max(0, min(0.16, 0.98 - size)) : 0.07
      return Placement(
        x: centre.0 + signed() * room,
        y: centre.1 + signed() * room + (index == 0 ? slope : -slope), scale: size,
        turn: signed() * kind.lean * .pi / 180, isMirrored: isMirrored, wobble: wobble,
        phases: (Double(random.uniform()) * 6.28, Double(random.uniform()) * 6.28))
    }
  }

  /// `a small red boat`, `two red boats`.
  ///
  /// - Parameters:
  ///   - color: the colour's name, or nothing.
  ///   - big: the word for what is larger than usual.
  func phrase(color: String?, big: String = "big") -> String {
    var words: [String] = []
    if count > 1 { words.append(count == 2 ? "two" : "three") }
    switch size {
    case .small: words.append("small")
    case .medium: break
    case .big: words.append(big)
    }
    if let color { words.append(color) }
    words.append(count > 1 ? kind.plural : kind.name)
    guard count == 1 else { return words.joined(separator: " ") }
    let article = words[0].first.map { "aeiou".contains($0) } == true ? "an " : "a "
    return article + words.joined(separator: " ")
  }

  /// `at the top left`; nil in the middle.
  var place: String? {
    let vertical = cell.y < 0 ? "top" : cell.y > 0 ? "bottom" : nil
    let horizontal = cell.x < 0 ? "left" : cell.x > 0 ? "right" : nil
    switch (vertical, horizontal) {
    case (nil, nil): return nil
    case (let vertical?, let horizontal?): return "at the \(vertical) \(horizontal)"
    case (let vertical?, nil): return "at the \(vertical)"
    case (nil, let horizontal?): return "on the \(horizontal)"
    }
  }
}

extension String {
  /// With its first letter in upper case.
  var sentence: String { prefix(1).uppercased() + dropFirst() }
}
