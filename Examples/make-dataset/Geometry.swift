// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A point; x grows to the right, y downwards.
struct Point {
  var x: Double
  var y: Double

  init(_ x: Double, _ y: Double) {
    self.x = x
    self.y = y
  }
}

/// A closed outline. Outlines of one shape join; one that runs against the clock cuts a hole.
typealias Contour = [Point]

/// A polygon through the points given.
func polygon(_ points: (Double, Double)...) -> Contour { clockwise(points.map(Point.init)) }

func rectangle(_ left: Double, _ top: Double, _ right: Double, _ bottom: Double) -> Contour {
  polygon((left, top), (right, top), (right, bottom), (left, bottom))
}

/// An ellipse, or the part of one between two angles in degrees; 0 is to the right, 90 below.
func ellipse(
  _ x: Double, _ y: Double, _ rx: Double, _ ry: Double, turned: Double = 0, from: Double = 0,
  to: Double = 360
) -> Contour {
  let (s, c) = (sin(turned * .pi / 180), cos(turned * .pi / 180))
  let count = max(8, Int((to - from) / 10))
  return (0..<(to - from < 360 ? count + 1 : count)).map { index in
    let angle = (from + (to - from) * Double(index) / Double(count)) * .pi / 180
    let (dx, dy) = (rx * cos(angle), ry * sin(angle))
    return Point(x + dx * c - dy * s, y + dx * s + dy * c)
  }
}

func circle(_ x: Double, _ y: Double, _ radius: Double) -> Contour { ellipse(x, y, radius, radius) }

/// A line of some width with round ends and joints, as outlines that join.
func stroke(_ points: [Point], width: Double, closed: Bool = false) -> [Contour] {
  let radius = width / 2
  var result: [Contour] = points.map { circle($0.x, $0.y, radius) }
  for (a, b) in zip(points, points.dropFirst() + (closed ? points.prefix(1) : [])) {
    let (dx, dy) = (b.x - a.x, b.y - a.y)
    let length = (dx * dx + dy * dy).squareRoot()
    guard length > 1e-9 else { continue }
    let (nx, ny) = (-dy / length * radius, dx / length * radius)
    result.append(
      clockwise([
        Point(a.x + nx, a.y + ny), Point(b.x + nx, b.y + ny), Point(b.x - nx, b.y - ny),
        Point(a.x - nx, a.y - ny),
      ]))
  }
  return result
}

/// The points in the order in which their area is positive, as that of `ellipse` is.
func clockwise(_ points: [Point]) -> Contour {
  var area = 0.0
  for (a, b) in zip(points, points.dropFirst() + points.prefix(1)) { area += a.x * b.y - b.x * a.y }
  return area < 0 ? points.reversed() : points
}

/// Scales, turns, mirrors, moves, and bends a little as a hand does.
struct Placement {
  var x = 0.0
  var y = 0.0
  var scale = 1.0
  /// In radians.
  var turn = 0.0
  var isMirrored = false
  /// How far points stray, in units of the drawing.
  var wobble = 0.0
  var phases = (0.0, 0.0)

  func callAsFunction(_ point: Point) -> Point {
    let bent = Point(
      (isMirrored ? -point.x : point.x) + wobble * sin(3.1 * point.y + 1.7 * point.x + phases.0),
      point.y + wobble * sin(2.7 * point.x - 2.1 * point.y + phases.1))
    let (s, c) = (sin(turn), cos(turn))
    return Point(
      x + scale * (bent.x * c - bent.y * s), y + scale * (bent.x * s + bent.y * c))
  }

  /// Mirroring turns outlines over; they are turned back, so that holes stay holes.
  func callAsFunction(_ contour: Contour) -> Contour {
    let placed = contour.map { self($0) }
    return isMirrored ? placed.reversed() : placed
  }
}
