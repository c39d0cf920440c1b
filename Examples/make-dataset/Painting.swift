// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetImages
import LorikeetTensors

/// A picture of the large set: painted things, one kind or two, in front of something.
struct Painting {
  var image: Image
  var caption: String
  /// The class of what is shown; nil if two classes are.
  var label: String?

  init(side: Int, _ random: inout RandomStream) {
    let ground = Ground.all[random.index(below: Ground.all.count)]
    let plain = NamedColor.paints[random.index(below: NamedColor.paints.count)]
    var canvas = Canvas(side: side, color: .white)
    let behind = ground.paint(&canvas, plain: plain.varied(&random), &random)
    let outline = random.uniform() < 0.25

    let kind = Kind.all[random.index(below: Kind.all.count)]
    let name = NamedColor.choose(NamedColor.paints, against: behind, &random)
    let subject: String
    label = kind.label
    var position: String?
    if random.uniform() < 0.22 {
      var others = Kind.all
      others.removeAll { $0.name == kind.name }
      let other = others[random.index(below: others.count)]
      let otherName = NamedColor.choose(NamedColor.paints, against: behind, &random)
      subject = Painting.pair(
        (kind, name), (other, otherName), on: &canvas, outline: outline, &random)
      if other.label != kind.label { label = nil }
    } else {
      let chance = random.uniform()
      let composition = Composition(
        kind, count: chance < 0.7 ? 1 : chance < 0.9 ? 2 : 3, wobble: 0.015, &random)
      let color = name.varied(&random)
      for placement in composition.placements {
        canvas.paint(kind, at: placement, in: color, outline: outline)
      }
      subject = composition.phrase(color: name.name)
      if random.uniform() < 0.5 { position = composition.place }
    }

    let place = ground.phrase ?? "on \(article(plain.name)) background"
    let tail = position.map { " " + $0 } ?? ""
    let plural = !subject.hasPrefix("a") || subject.contains(" and ")
    switch random.index(below: 10) {
    case 0...4: caption = "\(subject) \(place)\(tail)."
    case 5: caption = "there \(plural ? "are" : "is") \(subject) \(place)\(tail)."
    case 6: caption = "a picture of \(subject) \(place)\(tail)."
    case 7: caption = "\(place), there \(plural ? "are" : "is") \(subject)\(tail)."
    case 8: caption = "the picture shows \(subject) \(place)\(tail)."
    default: caption = "\(subject)\(tail), \(place)."
    }
    caption = caption.sentence
    image = canvas.image(levels: 64)
  }

  /// One thing, not small, before a plain colour: what first words are learned from.
  init(wordSide side: Int, _ random: inout RandomStream) {
    let kind = Kind.all[random.index(below: Kind.all.count)]
    let plain = NamedColor.paints[random.index(below: NamedColor.paints.count)]
    let ground = plain.varied(&random)
    var canvas = Canvas(side: side, color: ground)
    let color = NamedColor.choose(NamedColor.paints, against: [ground], &random)
    var composition = Composition(kind, count: 1, wobble: 0.015, &random)
    while composition.size == .small {
      composition = Composition(kind, count: 1, wobble: 0.015, &random)
    }
    let outline = random.uniform() < 0.25
    for placement in composition.placements {
      canvas.paint(kind, at: placement, in: color.varied(&random), outline: outline)
    }
    caption = kind.name
    image = canvas.image(levels: 64)
  }

  /// Paints two different things and says how they stand to each other.
  private static func pair(
    _ first: (kind: Kind, name: NamedColor), _ second: (kind: Kind, name: NamedColor),
    on canvas: inout Canvas, outline: Bool, _ random: inout RandomStream
  ) -> String {
    let isVertical = random.uniform() < 0.4
    for (index, thing) in [first, second].enumerated() {
      let along = index == 0 ? -0.5 : 0.5
      let across = (Double(random.uniform()) * 2 - 1) * 0.2
      let placement = Placement(
        x: isVertical ? across : along, y: isVertical ? along : across,
        scale: 0.42 + 0.05 * Double(random.uniform()),
        turn: (Double(random.uniform()) * 2 - 1) * thing.kind.lean * .pi / 180,
        isMirrored: random.uniform() < 0.5, wobble: 0.015)
      canvas.paint(thing.kind, at: placement, in: thing.name.varied(&random), outline: outline)
    }
    let one = article("\(first.name.name) \(first.kind.name)")
    let two = article("\(second.name.name) \(second.kind.name)")
    if isVertical {
      return random.uniform() < 0.5 ? "\(one) above \(two)" : "\(two) below \(one)"
    }
    return random.uniform() < 0.5
      ? "\(one) and \(two)"
      : random.uniform() < 0.5 ? "\(one) to the left of \(two)" : "\(two) to the right of \(one)"
  }
}

private func article(_ words: String) -> String {
  (words.first.map { "aeiou".contains($0) } == true ? "an " : "a ") + words
}

/// What is behind the things.
enum Ground: CaseIterable {
  case plain, water, grass, sand, snow, night, table, sunset

  /// Plain colours are as frequent as all the scenes together.
  static let all = allCases + Array(repeating: Ground.plain, count: 6)

  /// Nil for a plain colour, which is named.
  var phrase: String? {
    switch self {
    case .plain: nil
    case .water: "on water"
    case .grass: "on grass"
    case .sand: "on sand"
    case .snow: "in the snow"
    case .night: "at night"
    case .table: "on a table"
    case .sunset: "at sunset"
    }
  }

  /// Paints it and returns the colours that things must be told from.
  func paint(
    _ canvas: inout Canvas, plain: Color, _ random: inout RandomStream
  ) -> [Color] {
    let horizon = -0.05 + 0.4 * Double(random.uniform())
    func halves(_ top: Color, _ bottom: Color) -> [Color] {
      canvas.shade { _, y, _ in y < horizon ? top.mixed(with: .white, (y + 1) * 0.15) : bottom }
      return [top, bottom]
    }
    let sky = Color(0.68, 0.86, 0.98)
    switch self {
    case .plain:
      canvas.shade { _, _, _ in plain }
      return [plain]
    case .water:
      let water = Color(0.2, 0.5, 0.8)
      let colors = halves(sky, water)
      for y in stride(from: horizon + 0.12, to: 1, by: 0.22) {
        let shift = Double(random.uniform()) * 0.4
        for x in stride(from: -1.2 + shift, to: 1.2, by: 0.55) {
          let wave = ellipse(x, y, 0.16, 0.07, from: 20, to: 160)
          canvas.fill(stroke(wave, width: 0.035), with: Color(0.6, 0.8, 0.95))
        }
      }
      return colors
    case .grass:
      let grass = Color(0.42, 0.72, 0.3)
      let colors = halves(sky, grass)
      for _ in 0..<18 {
        let x = Double(random.uniform()) * 2 - 1
        let y = horizon + 0.12 + Double(random.uniform()) * (0.9 - horizon)
        canvas.fill(
          stroke([Point(x, y), Point(x + 0.03, y - 0.12)], width: 0.03),
          with: Color(0.25, 0.55, 0.2))
      }
      return colors
    case .sand:
      let colors = halves(sky, Color(0.93, 0.83, 0.58))
      for _ in 0..<22 {
        let x = Double(random.uniform()) * 2 - 1
        let y = horizon + 0.08 + Double(random.uniform()) * (0.9 - horizon)
        canvas.fill([circle(x, y, 0.025)], with: Color(0.76, 0.64, 0.4))
      }
      return colors
    case .snow:
      let colors = halves(Color(0.62, 0.7, 0.8), Color(0.95, 0.97, 1))
      for _ in 0..<26 {
        let (x, y) = (Double(random.uniform()) * 2 - 1, Double(random.uniform()) * 2 - 1)
        canvas.fill([circle(x, y, 0.035)], with: .white)
      }
      return colors
    case .night:
      let (top, bottom) = (Color(0.05, 0.06, 0.2), Color(0.14, 0.16, 0.38))
      canvas.shade { _, y, _ in top.mixed(with: bottom, (y + 1) / 2) }
      for _ in 0..<14 {
        let (x, y) = (Double(random.uniform()) * 2 - 1, Double(random.uniform()) * 2 - 1)
        canvas.fill([circle(x, y, 0.02)], with: Color(0.95, 0.95, 0.8))
      }
      return [top, bottom]
    case .table:
      let colors = halves(Color(0.9, 0.87, 0.8), Color(0.66, 0.46, 0.28))
      for y in stride(from: horizon + 0.2, to: 1, by: 0.3) {
        canvas.fill([rectangle(-1, y, 1, y + 0.03)], with: Color(0.52, 0.35, 0.2))
      }
      return colors
    case .sunset:
      let (top, bottom) = (Color(0.55, 0.35, 0.6), Color(0.98, 0.65, 0.35))
      canvas.shade { _, y, _ in top.mixed(with: bottom, (y + 1) / 2) }
      return [top, bottom]
    }
  }
}
