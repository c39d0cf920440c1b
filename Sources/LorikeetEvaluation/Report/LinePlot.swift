// SPDX-License-Identifier: Apache-2.0

extension Report {
  /// Lines over a number: a score against the share of missing images, or against time.
  public struct LinePlot: Sendable {
    public struct Point: Sendable, Equatable {
      public var x: Double
      public var y: Double
      /// The ends of the interval around `y`, if there is one.
      public var lower: Double?
      public var upper: Double?
      /// A few letters beside the point, such as the ratio that was kept.
      public var label: String

      public init(
        _ x: Double, _ y: Double, lower: Double? = nil, upper: Double? = nil, label: String = ""
      ) {
        self.x = x
        self.y = y
        self.lower = lower
        self.upper = upper
        self.label = label
      }

      /// A point with the bounds of an interval.
      public init(_ x: Double, _ interval: Bootstrap.Interval, label: String = "") {
        self.init(
          x, interval.estimate, lower: interval.lower, upper: interval.upper, label: label)
      }
    }

    public struct Series: Sendable {
      public var name: String
      /// In the order in which they are joined; points that are not finite are left out.
      public var points: [Point]

      public init(_ name: String, _ points: [Point]) {
        self.name = name
        self.points = points
      }
    }

    public var title: String
    public var note: String
    public var xName: String
    public var yName: String
    public var series: [Series]
    /// How numbers beside the points are written; ticks follow it in kind.
    public var xFormat: NumberFormat
    public var yFormat: NumberFormat
    /// What the axes show at least; the data if nil.
    public var xRange: ClosedRange<Double>?
    public var yRange: ClosedRange<Double>?

    public init(
      title: String = "", note: String = "", xName: String, yName: String, series: [Series],
      xFormat: NumberFormat = .automatic, yFormat: NumberFormat = .automatic,
      xRange: ClosedRange<Double>? = nil, yRange: ClosedRange<Double>? = nil
    ) {
      self.title = title
      self.note = note
      self.xName = xName
      self.yName = yName
      self.series = series
      self.xFormat = xFormat
      self.yFormat = yFormat
      self.xRange = xRange
      self.yRange = yRange
    }
  }
}

extension Report.LinePlot {
  /// The plot as an SVG file that needs nothing beside it.
  public func svg() -> String { PlotDrawing(self).file.text }

  /// The title as the name of a file: lower case, words joined by hyphens.
  var fileName: String {
    let words = (title.isEmpty ? "plot" : title).lowercased()
      .split { !$0.isASCII || !($0.isLetter || $0.isNumber) }
    return words.joined(separator: "-") + ".svg"
  }

  var markup: Markup {
    let drawing = PlotDrawing(self)
    return Markup.figure(
      title: title, note: note, "<div class=\"plot\">\(drawing.svg)\(drawing.legend)</div>")
  }
}

extension Report.LinePlot.Point {
  var isFinite: Bool { x.isFinite && y.isFinite }

  /// The interval, if both ends are numbers.
  var interval: (lower: Double, upper: Double)? {
    guard let lower, let upper, lower.isFinite, upper.isFinite else { return nil }
    return (lower, upper)
  }
}
