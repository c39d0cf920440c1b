// SPDX-License-Identifier: Apache-2.0

/// What a part of a drawing is coloured with.
enum Tint {
  /// The colour that the caption names, and darker and lighter shades of it.
  case main, shade, light
  /// Nearly black: eyes, wheels, openings. Solid in pen drawings too.
  case dark
  case white, glass, wood, leaf, cream, gold
}

/// A part of a drawing: outlines that join, or a line.
struct Part {
  var tint: Tint
  var contours: [Contour] = []
  var line: [Point] = []
  var width = 0.0

  static func area(_ tint: Tint, _ contours: Contour...) -> Part {
    Part(tint: tint, contours: contours)
  }

  static func line(_ tint: Tint, _ width: Double, _ points: (Double, Double)...) -> Part {
    Part(tint: tint, line: points.map(Point.init), width: width)
  }

  /// A line along a part of an ellipse.
  static func arc(_ tint: Tint, _ width: Double, _ curve: Contour) -> Part {
    Part(tint: tint, line: curve, width: width)
  }
}

/// A kind of thing: its name, the broader class that is its label, and how it is drawn, from back to
/// front, in a square from -1 to 1.
struct Kind {
  var name: String
  var label: String
  var parts: [Part]
  /// How far it may lean, in degrees.
  var lean = 12.0

  var plural: String {
    switch name {
    case "fish": "fish"
    case "butterfly": "butterflies"
    case "cactus": "cactuses"
    default: name + "s"
    }
  }
  /// The name with its article.
  var single: String { ("aeiou".contains(name.prefix(1)) ? "an " : "a ") + name }

  init(_ name: String, _ label: String, lean: Double = 12, _ parts: [Part]) {
    self.name = name
    self.label = label
    self.lean = lean
    self.parts = parts
  }

  static let all = vehicles + animals + plants + sky + buildings + household + food + toys
}

private func wheel(_ x: Double, _ y: Double, _ radius: Double) -> [Part] {
  [.area(.dark, circle(x, y, radius)), .area(.white, circle(x, y, radius * 0.4))]
}

private func eye(_ x: Double, _ y: Double, _ radius: Double) -> [Part] {
  [.area(.white, circle(x, y, radius)), .area(.dark, circle(x, y, radius * 0.6))]
}

private let vehicles: [Kind] = [
  Kind(
    "boat", "vehicle",
    [
      .line(.wood, 0.08, (0, 0.3), (0, -0.92)),
      .area(.light, polygon((0.09, -0.85), (0.09, 0.14), (0.75, 0.14))),
      .area(.white, polygon((-0.09, -0.6), (-0.09, 0.14), (-0.6, 0.14))),
      .area(.main, polygon((-0.92, 0.26), (0.92, 0.26), (0.58, 0.75), (-0.58, 0.75))),
    ]),
  Kind(
    "car", "vehicle",
    [
      .area(
        .main, rectangle(-0.93, -0.02, 0.93, 0.42),
        polygon((-0.58, 0.1), (-0.35, -0.48), (0.32, -0.48), (0.62, 0.1))),
      .area(.glass, polygon((-0.42, -0.04), (-0.26, -0.37), (-0.03, -0.37), (-0.03, -0.04))),
      .area(.glass, polygon((0.08, -0.04), (0.08, -0.37), (0.26, -0.37), (0.45, -0.04))),
      .area(.gold, rectangle(0.8, 0.08, 0.93, 0.2)),
    ] + wheel(-0.52, 0.42, 0.24) + wheel(0.52, 0.42, 0.24)),
  Kind(
    "truck", "vehicle",
    [
      .area(.main, rectangle(-0.95, -0.6, 0.28, 0.4)),
      .area(.shade, polygon((0.34, -0.22), (0.72, -0.22), (0.95, 0.08), (0.95, 0.4), (0.34, 0.4))),
      .area(.glass, polygon((0.44, -0.12), (0.68, -0.12), (0.82, 0.08), (0.44, 0.08))),
    ] + wheel(-0.6, 0.42, 0.22) + wheel(-0.08, 0.42, 0.22) + wheel(0.62, 0.42, 0.22)),
  Kind(
    "plane", "vehicle", lean: 35,
    [
      .area(
        .shade, polygon((0.25, -0.08), (-0.15, -0.92), (-0.42, -0.92), (-0.22, -0.08)),
        polygon((0.25, 0.08), (-0.15, 0.92), (-0.42, 0.92), (-0.22, 0.08))),
      .area(
        .shade, polygon((-0.62, -0.05), (-0.85, -0.42), (-0.98, -0.42), (-0.88, -0.05)),
        polygon((-0.62, 0.05), (-0.85, 0.42), (-0.98, 0.42), (-0.88, 0.05))),
      .area(.main, ellipse(0, 0, 0.96, 0.16)),
      .area(.glass, ellipse(0.66, 0, 0.14, 0.08)),
    ]),
]

private let animals: [Kind] = [
  Kind(
    "fish", "animal",
    [
      .area(.shade, polygon((0.45, 0), (0.95, -0.45), (0.82, 0), (0.95, 0.45))),
      .area(.shade, polygon((-0.2, -0.35), (0.15, -0.68), (0.32, -0.25))),
      .area(.main, ellipse(-0.12, 0, 0.78, 0.44)),
      .arc(.shade, 0.06, ellipse(-0.62, 0, 0.3, 0.36, from: -60, to: 60)),
    ] + eye(-0.58, -0.1, 0.11)),
  Kind(
    "bird", "animal",
    [
      .line(.wood, 0.06, (-0.1, 0.4), (-0.15, 0.88), (-0.3, 0.88)),
      .line(.wood, 0.06, (0.15, 0.4), (0.12, 0.88), (-0.03, 0.88)),
      .area(.shade, polygon((0.4, 0.05), (0.98, -0.25), (0.95, 0.1), (0.5, 0.35))),
      .area(.gold, polygon((-0.62, -0.52), (-0.99, -0.38), (-0.62, -0.26))),
      .area(.main, ellipse(0.05, 0.15, 0.56, 0.38), circle(-0.45, -0.38, 0.3)),
      .area(.shade, ellipse(0.15, 0.1, 0.36, 0.18, turned: -15)),
    ] + eye(-0.5, -0.45, 0.09)),
  Kind(
    "cat", "animal",
    [
      .arc(.main, 0.15, ellipse(0.45, 0.45, 0.38, 0.42, from: -60, to: 80)),
      .area(.main, ellipse(0, 0.5, 0.46, 0.45)),
      .area(
        .main, circle(0, -0.28, 0.44), polygon((-0.43, -0.35), (-0.42, -0.95), (-0.05, -0.65)),
        polygon((0.43, -0.35), (0.42, -0.95), (0.05, -0.65))),
      .area(.dark, circle(-0.17, -0.34, 0.07)), .area(.dark, circle(0.17, -0.34, 0.07)),
      .area(.dark, polygon((-0.07, -0.2), (0.07, -0.2), (0, -0.11))),
      .line(.dark, 0.03, (-0.15, -0.14), (-0.6, -0.2)),
      .line(.dark, 0.03, (0.15, -0.14), (0.6, -0.2)),
      .line(.dark, 0.03, (-0.15, -0.08), (-0.58, 0.02)),
      .line(.dark, 0.03, (0.15, -0.08), (0.58, 0.02)),
    ]),
  Kind(
    "butterfly", "animal", lean: 25,
    [
      .area(.main, ellipse(-0.5, -0.32, 0.48, 0.36, turned: 25)),
      .area(.main, ellipse(0.5, -0.32, 0.48, 0.36, turned: -25)),
      .area(.light, ellipse(-0.38, 0.42, 0.34, 0.3, turned: -25)),
      .area(.light, ellipse(0.38, 0.42, 0.34, 0.3, turned: 25)),
      .area(.shade, circle(-0.55, -0.34, 0.13)), .area(.shade, circle(0.55, -0.34, 0.13)),
      .line(.dark, 0.05, (0, -0.45), (-0.25, -0.92)), .line(.dark, 0.05, (0, -0.45), (0.25, -0.92)),
      .area(.dark, ellipse(0, 0.02, 0.08, 0.6)),
    ]),
]

private let plants: [Kind] = [
  Kind(
    "tree", "plant", lean: 5,
    [
      .area(.wood, rectangle(-0.14, 0.2, 0.14, 0.95)),
      .area(.main, circle(0, -0.42, 0.5), circle(-0.42, 0.02, 0.4), circle(0.42, 0.02, 0.4)),
      .arc(.shade, 0.06, ellipse(-0.4, 0, 0.22, 0.22, from: 30, to: 150)),
      .arc(.shade, 0.06, ellipse(0.3, -0.3, 0.22, 0.22, from: 30, to: 150)),
    ]),
  Kind(
    "flower", "plant",
    [
      .line(.leaf, 0.1, (0, -0.2), (0.04, 0.95)),
      .area(.leaf, ellipse(0.3, 0.55, 0.28, 0.11, turned: -30)),
      .area(
        .main, circle(0, -0.72, 0.25), circle(0.35, -0.5, 0.25), circle(0.3, -0.1, 0.25),
        circle(-0.3, -0.1, 0.25), circle(-0.35, -0.5, 0.25), circle(0, -0.35, 0.3)),
      .area(.gold, circle(0, -0.37, 0.2)),
    ]),
  Kind(
    "mushroom", "plant",
    [
      .area(.cream, polygon((-0.2, -0.1), (0.2, -0.1), (0.32, 0.85), (-0.32, 0.85))),
      .area(.main, ellipse(0, 0.08, 0.88, 0.9, from: 180, to: 360)),
      .area(.white, circle(-0.4, -0.2, 0.14)), .area(.white, circle(0.1, -0.5, 0.15)),
      .area(.white, circle(0.48, -0.14, 0.11)),
    ]),
  Kind(
    "cactus", "plant", lean: 5,
    [
      .line(.main, 0.26, (-0.1, 0.2), (-0.58, 0.15), (-0.58, -0.25)),
      .line(.main, 0.26, (0.1, 0), (0.58, -0.05), (0.58, -0.5)),
      .line(.main, 0.42, (0, 0.6), (0, -0.72)),
      .line(.shade, 0.04, (-0.07, 0.4), (-0.07, -0.7)),
      .line(.shade, 0.04, (0.07, 0.4), (0.07, -0.7)),
      .area(.wood, polygon((-0.42, 0.52), (0.42, 0.52), (0.28, 0.96), (-0.28, 0.96))),
    ]),
]

private let sky: [Kind] = [
  Kind(
    "star", "sky", lean: 30,
    [
      .area(
        .main,
        polygon(
          (0, -0.95), (0.235, -0.32), (0.9, -0.29), (0.38, 0.12), (0.56, 0.77), (0, 0.4),
          (-0.56, 0.77), (-0.38, 0.12), (-0.9, -0.29), (-0.235, -0.32)))
    ]),
  Kind(
    "moon", "sky", lean: 25,
    [
      .area(
        .main,
        clockwise(
          ellipse(0, 0, 0.88, 0.88, from: 50, to: 310)
            + ellipse(0.38, 0, 0.68, 0.7, from: 74, to: 286).reversed()))
    ]),
  Kind(
    "sun", "sky", lean: 45,
    (0..<8).map { ray in
      let middle = Double(ray) * 45
      return .area(
        .shade,
        clockwise([
          ellipse(0, 0, 0.98, 0.98, from: middle, to: middle + 10)[0],
          ellipse(0, 0, 0.6, 0.6, from: middle - 15, to: middle)[0],
          ellipse(0, 0, 0.6, 0.6, from: middle + 15, to: middle + 30)[0],
        ]))
    } + [.area(.main, circle(0, 0, 0.5))]),
  Kind(
    "cloud", "sky", lean: 0,
    [
      .area(
        .main, circle(-0.52, 0.1, 0.38), circle(-0.08, -0.2, 0.46), circle(0.42, -0.02, 0.38),
        circle(0.65, 0.2, 0.28), rectangle(-0.55, 0.1, 0.65, 0.48))
    ]),
]

private let buildings: [Kind] = [
  Kind(
    "house", "building", lean: 3,
    [
      .area(.wood, rectangle(0.32, -0.8, 0.52, -0.2)),
      .area(.main, rectangle(-0.68, -0.1, 0.68, 0.9)),
      .area(.shade, polygon((-0.92, -0.08), (0, -0.9), (0.92, -0.08))),
      .area(.wood, rectangle(-0.45, 0.32, -0.1, 0.9)),
      .area(.glass, rectangle(0.12, 0.18, 0.5, 0.55)),
      .line(.white, 0.05, (0.31, 0.18), (0.31, 0.55)),
    ]),
  Kind(
    "castle", "building", lean: 3,
    [
      .line(.wood, 0.05, (-0.7, -0.5), (-0.7, -0.98)),
      .area(.gold, polygon((-0.68, -0.98), (-0.35, -0.87), (-0.68, -0.76))),
      .area(
        .main, rectangle(-0.5, -0.1, 0.5, 0.9), rectangle(-0.35, -0.28, -0.15, 0),
        rectangle(0.15, -0.28, 0.35, 0)),
      .area(
        .shade, rectangle(-0.93, -0.45, -0.48, 0.9), rectangle(-0.93, -0.65, -0.8, -0.4),
        rectangle(-0.61, -0.65, -0.48, -0.4)),
      .area(
        .shade, rectangle(0.48, -0.45, 0.93, 0.9), rectangle(0.8, -0.65, 0.93, -0.4),
        rectangle(0.48, -0.65, 0.61, -0.4)),
      .area(
        .dark, ellipse(0, 0.5, 0.2, 0.25, from: 180, to: 360), rectangle(-0.2, 0.48, 0.2, 0.9)),
      .area(.dark, rectangle(-0.76, -0.1, -0.66, 0.15)),
      .area(.dark, rectangle(0.66, -0.1, 0.76, 0.15)),
    ]),
  Kind(
    "tent", "building", lean: 3,
    [
      .line(.wood, 0.07, (0, -0.6), (0, -0.92)),
      .area(.main, polygon((-0.98, 0.72), (0, -0.75), (0.98, 0.72))),
      .area(.shade, polygon((-0.42, 0.72), (0, -0.75), (-0.98, 0.72))),
      .area(.dark, polygon((-0.1, 0.72), (0.14, -0.15), (0.42, 0.72))),
    ]),
  Kind(
    "lighthouse", "building", lean: 3,
    [
      .area(.white, polygon((-0.27, -0.42), (0.27, -0.42), (0.46, 0.95), (-0.46, 0.95))),
      .area(.main, polygon((-0.31, -0.14), (0.31, -0.14), (0.345, 0.13), (-0.345, 0.13))),
      .area(.main, polygon((-0.385, 0.41), (0.385, 0.41), (0.425, 0.7), (-0.425, 0.7))),
      .area(.gold, rectangle(-0.2, -0.68, 0.2, -0.42)),
      .area(.main, polygon((-0.32, -0.66), (0, -0.97), (0.32, -0.66))),
    ]),
]

private let household: [Kind] = [
  Kind(
    "key", "household", lean: 60,
    [
      .area(
        .main, circle(-0.56, 0, 0.38), circle(-0.56, 0, 0.18).reversed(),
        rectangle(-0.25, -0.09, 0.94, 0.09), rectangle(0.5, 0, 0.63, 0.38),
        rectangle(0.76, 0, 0.92, 0.32))
    ]),
  Kind(
    "hammer", "household", lean: 45,
    [
      .area(.wood, rectangle(-0.1, -0.5, 0.1, 0.96)),
      .area(
        .main, rectangle(-0.3, -0.85, 0.28, -0.4), rectangle(-0.62, -0.9, -0.3, -0.35),
        polygon((0.2, -0.85), (0.75, -0.72), (0.85, -0.38), (0.5, -0.55), (0.2, -0.45))),
    ]),
  Kind(
    "umbrella", "household", lean: 20,
    [
      .line(.wood, 0.09, (0, -0.2), (0, 0.72)),
      .arc(.wood, 0.09, ellipse(0.15, 0.72, 0.15, 0.18, from: 0, to: 180)),
      .line(.dark, 0.06, (0, -0.75), (0, -0.95)),
      .area(
        .main,
        clockwise(
          ellipse(0, 0.08, 0.95, 0.88, from: 180, to: 360)
            + ellipse(0.63, 0.08, 0.32, 0.14, from: 180, to: 360).reversed()
            + ellipse(0, 0.08, 0.32, 0.14, from: 180, to: 360).reversed()
            + ellipse(-0.63, 0.08, 0.32, 0.14, from: 180, to: 360).reversed())),
      .arc(.shade, 0.05, ellipse(0, 0, 0.32, 0.78, from: 180, to: 360)),
    ]),
  Kind(
    "cup", "household", lean: 5,
    [
      .area(.light, ellipse(-0.08, 0.72, 0.85, 0.16)),
      .area(
        .main, ellipse(0.52, -0.02, 0.36, 0.36), ellipse(0.52, -0.02, 0.2, 0.2).reversed()),
      .area(.main, polygon((-0.72, -0.5), (0.56, -0.5), (0.36, 0.7), (-0.52, 0.7))),
      .area(.wood, ellipse(-0.08, -0.5, 0.64, 0.15)),
    ]),
]

private let food: [Kind] = [
  Kind(
    "apple", "food",
    [
      .area(.main, ellipse(-0.28, 0.18, 0.52, 0.65), ellipse(0.28, 0.18, 0.52, 0.65)),
      .line(.wood, 0.09, (0, -0.35), (0.08, -0.82)),
      .area(.leaf, ellipse(0.38, -0.7, 0.28, 0.13, turned: -25)),
      .area(.light, ellipse(-0.42, -0.02, 0.1, 0.2, turned: 20)),
    ]),
  Kind(
    "carrot", "food", lean: 50,
    [
      .area(.leaf, ellipse(0, -0.7, 0.1, 0.28)),
      .area(.leaf, ellipse(-0.22, -0.62, 0.09, 0.28, turned: -35)),
      .area(.leaf, ellipse(0.22, -0.62, 0.09, 0.28, turned: 35)),
      .area(
        .main, polygon((-0.36, -0.3), (0.36, -0.3), (0.03, 0.97), (-0.03, 0.97)),
        ellipse(0, -0.3, 0.36, 0.16)),
      .line(.shade, 0.05, (-0.28, -0.08), (-0.02, -0.05)),
      .line(.shade, 0.05, (0.02, 0.2), (0.2, 0.17)),
      .line(.shade, 0.05, (-0.14, 0.44), (0.02, 0.46)),
    ]),
  Kind(
    "ice cream", "food", lean: 20,
    [
      .area(.wood, polygon((-0.4, 0), (0.4, 0), (0, 0.97))),
      .line(.cream, 0.04, (-0.2, 0.1), (0.12, 0.6)), .line(.cream, 0.04, (0.2, 0.1), (-0.12, 0.6)),
      .area(
        .main, circle(0, -0.3, 0.48), circle(-0.3, 0, 0.16), circle(0, 0.06, 0.18),
        circle(0.3, 0, 0.16)),
      .area(.light, ellipse(-0.18, -0.48, 0.1, 0.16, turned: 30)),
    ]),
  Kind(
    "pear", "food",
    [
      .area(
        .main, ellipse(0, 0.38, 0.58, 0.55), ellipse(0, -0.25, 0.32, 0.38),
        polygon((-0.31, -0.2), (0.31, -0.2), (0.54, 0.22), (-0.54, 0.22))),
      .line(.wood, 0.08, (0, -0.55), (0.06, -0.95)),
      .area(.leaf, ellipse(0.32, -0.78, 0.24, 0.11, turned: -15)),
      .area(.light, ellipse(-0.28, 0.3, 0.09, 0.2, turned: 15)),
    ]),
]

private let toys: [Kind] = [
  Kind(
    "kite", "toy", lean: 25,
    [
      .line(.wood, 0.05, (0, 0.3), (-0.12, 0.55), (0.1, 0.75), (-0.05, 0.97)),
      .area(.main, polygon((0, -0.97), (0.6, -0.35), (0, 0.42), (-0.6, -0.35))),
      .area(.light, polygon((0, -0.97), (0.6, -0.35), (0, -0.35))),
      .area(.light, polygon((0, 0.42), (-0.6, -0.35), (0, -0.35))),
      .area(.shade, polygon((-0.28, 0.5), (0, 0.58), (-0.26, 0.7))),
      .area(.shade, polygon((0.28, 0.66), (0.04, 0.76), (0.3, 0.86))),
    ]),
  Kind(
    "ball", "toy", lean: 60,
    [
      .area(.main, circle(0, 0, 0.86)),
      .area(.white, ellipse(0, 0, 0.3, 0.85)),
      .area(.main, ellipse(0, 0, 0.12, 0.83)),
      .area(.white, circle(0, -0.02, 0.17)),
    ]),
  Kind(
    "balloon", "toy", lean: 15,
    [
      .line(.dark, 0.04, (0, 0.38), (-0.08, 0.6), (0.08, 0.78), (0, 0.98)),
      .area(.main, ellipse(0, -0.3, 0.54, 0.64), polygon((0, 0.28), (0.12, 0.46), (-0.12, 0.46))),
      .area(.light, ellipse(-0.22, -0.52, 0.1, 0.18, turned: 25)),
    ]),
  Kind(
    "drum", "toy", lean: 8,
    [
      .area(
        .main, rectangle(-0.72, -0.25, 0.72, 0.6), ellipse(0, 0.6, 0.72, 0.22)),
      .line(
        .gold, 0.06, (-0.68, 0), (-0.4, 0.72), (-0.14, 0.06), (0.14, 0.74), (0.4, 0.06),
        (0.68, 0.64)),
      .area(.cream, ellipse(0, -0.25, 0.72, 0.24)),
      .line(.wood, 0.08, (-0.1, -0.3), (-0.75, -0.88)),
      .line(.wood, 0.08, (0.15, -0.25), (0.7, -0.9)),
    ]),
]
