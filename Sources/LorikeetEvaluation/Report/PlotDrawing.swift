// SPDX-License-Identifier: Apache-2.0

/// A line plot as SVG, in units of which 420 make the width.
struct PlotDrawing {
  private let plot: Report.LinePlot
  private let series: [Report.LinePlot.Series]
  private let xTicks: Ticks
  private let yTicks: Ticks
  private let left: Double
  private let right: Double
  private let endLabels: [EndLabel]

  private static let width = 420.0
  private static let height = 280.0
  private let top = 26.0
  private let bottom = height - 46

  /// The name of a series at the end of its line.
  private struct EndLabel {
    let series: Int
    let x: Double
    let y: Double
    var labelY: Double
  }

  init(_ plot: Report.LinePlot) {
    let series = plot.series.map {
      Report.LinePlot.Series($0.name, $0.points.filter(\.isFinite))
    }
    let points = series.flatMap(\.points)
    let bounds = points.flatMap { $0.interval.map { [$0.lower, $0.upper] } ?? [] }
    let xTicks = PlotDrawing.ticks(points.map(\.x), plot.xRange)
    let yTicks = PlotDrawing.ticks(points.map(\.y) + bounds, plot.yRange)
    let yTexts = yTicks.values.map { PlotDrawing.text($0, yTicks, plot.yFormat) }

    // Names go beside the lines that end near the right edge, if they are few and short.
    let ends = series.enumerated().compactMap { index, series in
      series.points.last.map { EndLabel(series: index, x: $0.x, y: $0.y, labelY: 0) }
    }
    let longest = Double(ends.map { series[$0.series].name.count }.max() ?? 0) * 7 + 16
    let nearRight = xTicks.upper - 0.2 * (xTicks.upper - xTicks.lower)
    let fits =
      ends.count > 1 && ends.count <= 6 && longest < 150 && ends.allSatisfy { $0.x > nearRight }

    self.plot = plot
    self.series = series
    self.xTicks = xTicks
    self.yTicks = yTicks
    left = Double(yTexts.map(\.count).max() ?? 1) * 7 + 12
    right = PlotDrawing.width - (fits ? longest : 14)
    endLabels = fits ? ends : []
  }

  private static func ticks(_ values: [Double], _ range: ClosedRange<Double>?) -> Ticks {
    let all = values + (range.map { [$0.lowerBound, $0.upperBound] } ?? [])
    let finite = all.filter(\.isFinite)
    return Ticks(covering: (finite.min() ?? 0)...(finite.max() ?? 1))
  }

  private static func text(_ value: Double, _ ticks: Ticks, _ format: NumberFormat) -> String {
    if case .percent = format {
      return NumberFormat.percent(max(0, ticks.digits - 2)).string(value)
    }
    return abs(value) >= 1e6
      ? NumberFormat.automatic.string(value) : NumberFormat.fixed(ticks.digits).string(value)
  }

  private func x(_ value: Double) -> Double {
    left + (value - xTicks.lower) / (xTicks.upper - xTicks.lower) * (right - left)
  }

  private func y(_ value: Double) -> Double {
    bottom - (value - yTicks.lower) / (yTicks.upper - yTicks.lower) * (bottom - top)
  }

  var svg: Markup {
    """
    <svg viewBox="0 0 \(PlotDrawing.width) \(PlotDrawing.height)" role="img">
    \(contents)</svg>
    """
  }

  /// The plot as a file of its own: with its style, a ground, and the legend inside.
  var file: Markup {
    let names = series.count > 1 ? series : []
    let lines = names.enumerated().map { index, series -> Markup in
      let y = PlotDrawing.height + 12 + 18 * Double(index)
      return """
        <g class="c\(index % 8)"><line class="series" x1="\(left)" x2="\(left + 26)" y1="\(y)" \
        y2="\(y)"/><path class="mark" d="\(PlotDrawing.mark(index, left + 13, y))"/>\
        <text x="\(left + 34)" y="\(y + 4)">\(series.name)</text></g>

        """
    }
    let height = PlotDrawing.height + (names.isEmpty ? 0 : 12 + 18 * Double(names.count))
    return """
      <svg xmlns="http://www.w3.org/2000/svg" class="plot" width="\(1.5 * PlotDrawing.width)" \
      viewBox="-12 -8 \(PlotDrawing.width + 24) \(height + 16)" role="img">
      <style>
      \(ReportStyle.plotSheet)
      </style>
      <rect x="-12" y="-8" width="100%" height="100%" fill="var(--page)"/>
      \(contents)\(Markup.joined(lines))</svg>

      """
  }

  private var contents: Markup {
    let names = series.map(\.name).joined(separator: ", ")
    let heading = plot.title.isEmpty ? "\(plot.yName) against \(plot.xName)" : plot.title
    return """
      <title>\(heading): \(names)</title>
      \(axes)\(Markup.joined(series.indices.map(band)))\(Markup.joined(series.indices.map(line)))\
      \(lineNames)
      """
  }

  private var axes: Markup {
    let horizontal = yTicks.values.map { value -> Markup in
      """
      <line class="grid" x1="\(left)" x2="\(right)" y1="\(y(value))" y2="\(y(value))"/>\
      <text x="\(left - 8)" y="\(y(value) + 4)" text-anchor="end">\
      \(PlotDrawing.text(value, yTicks, plot.yFormat))</text>

      """
    }
    let vertical = xTicks.values.map { value -> Markup in
      """
      <line class="base" x1="\(x(value))" x2="\(x(value))" y1="\(bottom)" y2="\(bottom + 4)"/>\
      <text x="\(x(value))" y="\(bottom + 18)" text-anchor="middle">\
      \(PlotDrawing.text(value, xTicks, plot.xFormat))</text>

      """
    }
    return """
      \(Markup.joined(horizontal))\(Markup.joined(vertical))\
      <line class="base" x1="\(left)" x2="\(right)" y1="\(bottom)" y2="\(bottom)"/>
      <text class="axis-name" x="0" y="12">\(plot.yName)</text>
      <text class="axis-name" x="\((left + right) / 2)" y="\(bottom + 38)" text-anchor="middle">\
      \(plot.xName)</text>

      """
  }

  /// A band needs bounds at every one of at least two points.
  private func hasBand(_ index: Int) -> Bool {
    let points = series[index].points
    return points.count > 1 && points.allSatisfy { $0.interval != nil }
  }

  /// The area between the bounds.
  private func band(_ index: Int) -> Markup {
    guard hasBand(index) else { return "" }
    let points = series[index].points.compactMap { point in
      point.interval.map { (x(point.x), y($0.lower), y($0.upper)) }
    }
    let above = points.map { "\($0.0),\($0.2) " as Markup }
    let below = points.reversed().map { "\($0.0),\($0.1) " as Markup }
    return """
      <polygon class="band c\(index % 8)" points="\(Markup.joined(above))\(Markup.joined(below))"/>

      """
  }

  private func line(_ index: Int) -> Markup {
    let points = series[index].points
    let path = points.map { "\(x($0.x)),\(y($0.y)) " as Markup }
    // Many points stand too close for marks, and a band says what whiskers would.
    let hasMarks = points.count <= 40
    let hasWhiskers = !hasBand(index)
    let marks = points.enumerated().map { position, point -> Markup in
      let (px, py) = (x(point.x), y(point.y))
      var parts: [Markup] = []
      var values = "\(series[index].name): \(plot.xFormat.string(point.x)), "
      values += plot.yFormat.string(point.y)
      if let interval = point.interval {
        let (low, high) = (y(interval.lower), y(interval.upper))
        if hasWhiskers {
          parts.append(
            """
            <line class="whisker" x1="\(px)" x2="\(px)" y1="\(low)" y2="\(high)"/>
            """)
        }
        values += " (\(plot.yFormat.string(interval.lower)) – "
        values += "\(plot.yFormat.string(interval.upper)))"
      }
      if hasMarks {
        parts.append(
          """
          <path class="mark" d="\(PlotDrawing.mark(index, px, py))"><title>\(values)</title></path>
          """)
      }
      if !point.label.isEmpty {
        let side = tagSide(points, position)
        let anchor = side < 0 ? "end" : side > 0 ? "start" : "middle"
        parts.append(
          """
          <text class="tag" x="\(px + 5 * side)" y="\(py - 8)" text-anchor="\(anchor)">\
          \(point.label)</text>
          """)
      }
      return Markup.joined(parts)
    }
    return """
      <g class="c\(index % 8)"><polyline class="series" points="\(Markup.joined(path))"/>\
      \(Markup.joined(marks))</g>

      """
  }

  /// Where the label above a point is out of the line's way and inside the plot: -1 for its left,
  /// where the line rises, 1 for its right, where it falls.
  private func tagSide(_ points: [Report.LinePlot.Point], _ position: Int) -> Double {
    let point = points[position]
    if x(point.x) > right - 24 { return -1 }
    if x(point.x) < left + 24 { return 1 }
    let other = position + 1 < points.count ? position + 1 : position - 1
    guard points.indices.contains(other) else { return 0 }
    let slope = (points[other].y - point.y) * (points[other].x - point.x)
    return slope > 0 ? -1 : slope < 0 ? 1 : 0
  }

  /// A circle, square, triangle or diamond, so that colour is not all that tells series apart.
  private static func mark(_ index: Int, _ x: Double, _ y: Double) -> Markup {
    switch index % 4 {
    case 0: "M\(x - 4) \(y)a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z"
    case 1: "M\(x - 3.6) \(y - 3.6)h7.2v7.2h-7.2z"
    case 2: "M\(x) \(y - 4.8)l4.8 8.4h-9.6z"
    default: "M\(x) \(y - 5)l5 5l-5 5l-5 -5z"
    }
  }

  /// The names at the ends, pushed apart until none covers another.
  private var lineNames: Markup {
    var labels = endLabels
    for index in labels.indices { labels[index].labelY = y(labels[index].y) }
    labels.sort { $0.labelY < $1.labelY }
    let gap = 15.0
    for index in labels.indices.dropFirst() {
      labels[index].labelY = max(labels[index].labelY, labels[index - 1].labelY + gap)
    }
    // Those that were pushed below the axis come back up.
    var limit = bottom
    for index in labels.indices.reversed() {
      labels[index].labelY = min(labels[index].labelY, limit)
      limit = labels[index].labelY - gap
    }
    return Markup.joined(
      labels.map { label in
        let start = x(label.x) + 6
        return """
          <g class="c\(label.series % 8)"><line class="leader" x1="\(start)" x2="\(right + 8)" \
          y1="\(y(label.y))" y2="\(label.labelY)"/>\
          <text class="name" x="\(right + 11)" y="\(label.labelY + 4)">\
          \(series[label.series].name)</text></g>

          """
      })
  }

  /// Samples of the lines with the whole names, if there are two or more.
  var legend: Markup {
    guard series.count > 1 else { return "" }
    let items = series.enumerated().map { index, series -> Markup in
      """
      <li><svg class="c\(index % 8)" viewBox="0 0 26 12" aria-hidden="true">\
      <line class="series" x1="0" x2="26" y1="6" y2="6"/>\
      <path class="mark" d="\(PlotDrawing.mark(index, 13, 6))"/></svg>\(series.name)</li>
      """
    }
    return "<ul class=\"legend\">\(Markup.joined(items))</ul>"
  }
}
