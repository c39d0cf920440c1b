// SPDX-License-Identifier: Apache-2.0

extension Report {
  /// Numbers over two settings, the higher the stronger the colour: a score over the shares of
  /// missing images and missing texts, for example.
  public struct HeatMap: Sendable {
    public var title: String
    public var note: String
    /// What the rows and the columns stand for, and the values of each.
    public var rowName: String
    public var columnName: String
    public var rows: [String]
    public var columns: [String]
    /// `[row, column]`; nil or NaN where nothing was measured.
    public var values: [[Double?]]
    /// Intervals in small print under the values, `[row, column]`, or empty.
    public var intervals: [[Bootstrap.Interval?]]
    public var format: NumberFormat
    /// The values of no and of full colour; those of the data if nil.
    public var range: ClosedRange<Double>?

    public init(
      title: String = "", note: String = "", rowName: String, columnName: String, rows: [String],
      columns: [String], values: [[Double?]], intervals: [[Bootstrap.Interval?]] = [],
      format: NumberFormat = .fixed(3), range: ClosedRange<Double>? = nil
    ) {
      self.title = title
      self.note = note
      self.rowName = rowName
      self.columnName = columnName
      self.rows = rows
      self.columns = columns
      self.values = values
      self.intervals = intervals
      self.format = format
      self.range = range
    }
  }
}

extension Report.HeatMap {
  var markup: Markup {
    let known = values.joined().compactMap { $0 }.filter(\.isFinite)
    let range = range ?? (known.min() ?? 0)...(known.max() ?? 1)
    let grid = HeatGrid(
      rowName: rowName, columnName: columnName, rows: rows, columns: columns, isDense: false
    ) { row, column in
      let value = values.element(row)?.element(column).flatMap { $0 } ?? .nan
      guard value.isFinite else { return (nil, "–") }
      let span = range.upperBound - range.lowerBound
      let strength = span > 0 ? (value - range.lowerBound) / span : 0.5
      var content: Markup = "\(format.string(value))"
      if let interval = intervals.element(row)?.element(column).flatMap({ $0 }) {
        let lower = format.string(interval.lower)
        content = "\(content)<small>\(lower) – \(format.string(interval.upper))</small>"
      }
      return (strength, content)
    }
    return Markup.figure(title: title, note: note, grid.markup)
  }
}

extension ConfusionMatrix {
  /// Counts, coloured by their share of the true class.
  func markup(title: String, note: String) -> Markup {
    let supports = classes.indices.map(support)
    let grid = HeatGrid(
      rowName: "true", columnName: "predicted", rows: classes, columns: classes, isDense: true
    ) { row, column in
      let count = counts[row][column]
      guard count > 0 else { return (nil, "<span class=\"nothing\">·</span>") }
      let content: Markup = row == column ? "<strong>\(count)</strong>" : "\(count)"
      return (Double(count) / Double(supports[row]), content)
    }
    return Markup.figure(title: title, note: note, grid.markup)
  }
}

/// A table with coloured cells, which screens of any width can scroll and readers can select.
private struct HeatGrid {
  let rowName: String
  let columnName: String
  let rows: [String]
  let columns: [String]
  /// Small cells with upright column names, for many classes.
  let isDense: Bool
  /// The strength of the colour from 0 to 1, nil for none, and the content.
  let cell: (_ row: Int, _ column: Int) -> (Double?, Markup)

  var markup: Markup {
    let heads = columns.map { "<th scope=\"col\"><span>\($0)</span></th>" as Markup }
    let lines = rows.indices.map { row -> Markup in
      let cells = columns.indices.map { column -> Markup in
        let (strength, content) = cell(row, column)
        guard let strength else { return "<td>\(content)</td>" }
        let value = min(max(strength, 0), 1)
        // Where the ink must change to be read on the colour: earlier in the dark.
        let style: Markup =
          value > 0.85 ? " class=\"strong\"" : value > 0.62 ? " class=\"mid\"" : ""
        return "<td\(style) style=\"--v:\(value)\">\(content)</td>"
      }
      return "<tr><th scope=\"row\">\(rows[row])</th>\(Markup.joined(cells))</tr>\n"
    }
    return """
      <div class="scroll"><table class="heat\(isDense ? " dense" : "" as Markup)">
      <thead><tr><td></td>\
      <th class="axis" colspan="\(columns.count)">\(columnName) →</th></tr>
      <tr><th class="axis">\(rowName) ↓</th>\(Markup.joined(heads))</tr></thead>
      <tbody>
      \(Markup.joined(lines))</tbody>
      </table></div>
      """
  }
}

extension Array {
  /// The element, or nil outside the array.
  fileprivate func element(_ index: Int) -> Element? {
    indices.contains(index) ? self[index] : nil
  }
}
