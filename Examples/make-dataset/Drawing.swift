// SPDX-License-Identifier: Apache-2.0

/// Puts a kind of thing on a canvas, painted or drawn with a pen.
extension Canvas {
  /// Filled shapes in the main colour, its shades, and the colours that parts have by nature.
  ///
  /// - Parameter outline: whether a dark line runs around every part.
  mutating func paint(_ kind: Kind, at placement: Placement, in main: Color, outline: Bool) {
    for part in kind.parts {
      let contours = part.outlines(at: placement)
      if outline {
        fill(
          contours.flatMap { stroke($0, width: 0.05, closed: true) }, with: Color(0.12, 0.1, 0.1))
      }
      fill(contours, with: part.tint.color(main: main))
    }
  }

  /// Lines of ink around every part; what a part covers shows the paper. Dark parts are inked in.
  mutating func draw(_ kind: Kind, at placement: Placement, ink: Color, paper: Color, pen: Double) {
    for part in kind.parts {
      if part.line.isEmpty || part.width > 0.12 {
        let contours = part.outlines(at: placement)
        fill(contours.flatMap { stroke($0, width: pen, closed: true) }, with: ink)
        fill(contours, with: part.tint == .dark ? ink : paper)
      } else {
        fill(stroke(part.line.map { placement($0) }, width: pen), with: ink)
      }
    }
  }
}

extension Part {
  /// The part's outlines on the canvas; a line becomes the outlines of its stroke.
  func outlines(at placement: Placement) -> [Contour] {
    if line.isEmpty { return contours.map { placement($0) } }
    return stroke(line.map { placement($0) }, width: width * placement.scale)
  }
}

extension Tint {
  func color(main: Color) -> Color {
    switch self {
    case .main: main
    case .shade: main.mixed(with: .black, 0.28)
    case .light: main.mixed(with: .white, 0.45)
    case .dark: Color(0.12, 0.12, 0.14)
    case .white: Color(0.98, 0.98, 0.98)
    case .glass: Color(0.75, 0.9, 0.97)
    case .wood: Color(0.5, 0.32, 0.18)
    case .leaf: Color(0.25, 0.6, 0.25)
    case .cream: Color(0.96, 0.9, 0.75)
    case .gold: Color(0.98, 0.76, 0.2)
    }
  }
}
