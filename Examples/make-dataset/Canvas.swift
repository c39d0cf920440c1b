// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetImages

/// A colour with components in `0 ... 1`.
struct Color {
  var red: Double
  var green: Double
  var blue: Double

  init(_ red: Double, _ green: Double, _ blue: Double) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  func mixed(with other: Color, _ share: Double) -> Color {
    Color(
      red + (other.red - red) * share, green + (other.green - green) * share,
      blue + (other.blue - blue) * share)
  }

  /// How far apart two colours look, roughly: green counts most and blue least, as in brightness.
  func contrast(to other: Color) -> Double {
    let (r, g, b) = (red - other.red, green - other.green, blue - other.blue)
    return (0.3 * r * r + 0.59 * g * g + 0.11 * b * b).squareRoot()
  }

  static let white = Color(1, 1, 1)
  static let black = Color(0, 0, 0)
}

/// A square picture that shapes are painted on, with smooth edges.
///
/// Coordinates run from -1 to 1 across the picture. Each pixel row is sampled at four heights; along
/// a row the covered length is exact. Overlapping outlines of one shape count once (non-zero rule).
struct Canvas {
  let side: Int
  private var pixels: [Color]
  private static let samples = 4

  init(side: Int, color: Color) {
    self.side = side
    pixels = Array(repeating: color, count: side * side)
  }

  /// Colours every pixel by its place, both coordinates from -1 to 1.
  mutating func shade(_ color: (_ x: Double, _ y: Double, _ old: Color) -> Color) {
    for row in 0..<side {
      for column in 0..<side {
        let (x, y) = (place(column), place(row))
        pixels[row * side + column] = color(x, y, pixels[row * side + column])
      }
    }
  }

  mutating func fill(_ contours: [Contour], with color: Color, opacity: Double = 1) {
    let half = Double(side) / 2
    let scaled = contours.map { $0.map { Point(($0.x + 1) * half, ($0.y + 1) * half) } }
    let ys = scaled.joined().map(\.y)
    guard let top = ys.min(), let bottom = ys.max() else { return }
    let rows = max(0, Int(top))..<max(0, min(side, Int(bottom) + 1))
    var coverage = [Double](repeating: 0, count: side)
    for row in rows where !rows.isEmpty {
      for index in coverage.indices { coverage[index] = 0 }
      for sample in 0..<Canvas.samples {
        let y = Double(row) + (Double(sample) + 0.5) / Double(Canvas.samples)
        var winding = 0
        var start = 0.0
        for crossing in crossings(scaled, at: y) {
          if winding == 0 { start = crossing.x }
          winding += crossing.direction
          if winding == 0 { cover(&coverage, start, crossing.x) }
        }
      }
      for (column, share) in coverage.enumerated() where share > 0 {
        let index = row * side + column
        let amount = min(1, share / Double(Canvas.samples)) * opacity
        pixels[index] = pixels[index].mixed(with: color, amount)
      }
    }
  }

  /// The finished picture.
  ///
  /// - Parameter levels: how many values a channel may take: fewer make smaller files.
  func image(levels: Int) -> Image {
    let step = Double(levels - 1)
    var bytes: [UInt8] = []
    for pixel in pixels {
      for value in [pixel.red, pixel.green, pixel.blue] {
        let level = (min(1, max(0, value)) * step).rounded() / step
        bytes.append(UInt8((level * 255).rounded()))
      }
    }
    return Image(width: side, height: side, pixels: bytes)
  }

  private func place(_ index: Int) -> Double { (Double(index) + 0.5) / Double(side) * 2 - 1 }

  private func crossings(
    _ contours: [Contour], at y: Double
  ) -> [(x: Double, direction: Int)] {
    var result: [(x: Double, direction: Int)] = []
    for contour in contours {
      guard var a = contour.last else { continue }
      for b in contour {
        if (a.y <= y) != (b.y <= y) {
          let x = a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x)
          result.append((x, b.y > a.y ? 1 : -1))
        }
        a = b
      }
    }
    return result.sorted { $0.x < $1.x }
  }

  /// Adds the length of a span to the pixels that it crosses.
  private func cover(_ coverage: inout [Double], _ start: Double, _ end: Double) {
    let (start, end) = (max(0, start), min(Double(side), end))
    guard start < end else { return }
    for column in Int(start)...min(side - 1, Int(end)) {
      coverage[column] += max(0, min(end, Double(column + 1)) - max(start, Double(column)))
    }
  }
}
