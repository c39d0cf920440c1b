// SPDX-License-Identifier: Apache-2.0

extension Report {
  /// A table: texts on the left, numbers aligned on the right, the best of a column marked.
  public struct Table: Sendable {
    /// Which values of a column are good.
    public enum Best: Sendable { case highest, lowest }

    public struct Column: Sendable {
      public var name: String
      public var isNumeric: Bool
      public var format: NumberFormat
      /// Marks the best number of the column, if there are two or more.
      public var best: Best?

      /// A column of texts.
      public static func text(_ name: String) -> Column {
        Column(name: name, isNumeric: false, format: .automatic, best: nil)
      }

      /// A column of numbers.
      public static func number(
        _ name: String, _ format: NumberFormat = .fixed(3), best: Best? = nil
      ) -> Column {
        Column(name: name, isNumeric: true, format: format, best: best)
      }
    }

    public enum Cell: Sendable, Equatable {
      case text(String)
      case number(Double)
      /// An estimate with its interval in small print.
      case interval(Bootstrap.Interval)
      case empty
    }

    public var title: String
    public var note: String
    public var columns: [Column]
    /// Cells beyond the columns are left out, missing ones are empty.
    public var rows: [[Cell]]

    public init(title: String = "", note: String = "", columns: [Column], rows: [[Cell]] = []) {
      self.title = title
      self.note = note
      self.columns = columns
      self.rows = rows
    }
  }
}

extension Report.Table {
  var markup: Markup {
    let heads = columns.map { column -> Markup in
      column.isNumeric
        ? "<th scope=\"col\" class=\"number\">\(column.name)</th>"
        : "<th scope=\"col\">\(column.name)</th>"
    }
    let best = columns.indices.map(bestValue)
    let lines = rows.map { row -> Markup in
      let cells = columns.indices.map { index in
        cell(index < row.count ? row[index] : .empty, columns[index], best[index])
      }
      return "<tr>\(Markup.joined(cells))</tr>\n"
    }
    return Markup.figure(
      title: title, note: note,
      """
      <div class="scroll"><table>
      <thead><tr>\(Markup.joined(heads))</tr></thead>
      <tbody>
      \(Markup.joined(lines))</tbody>
      </table></div>
      """)
  }

  private func bestValue(_ index: Int) -> Double? {
    guard let best = columns[index].best else { return nil }
    let values = rows.compactMap { $0.indices.contains(index) ? $0[index].value : nil }
    guard values.count > 1, Set(values).count > 1 else { return nil }
    return best == .highest ? values.max() : values.min()
  }

  private func cell(_ cell: Cell, _ column: Column, _ best: Double?) -> Markup {
    var content: Markup = ""
    var bounds: Markup = ""
    switch cell {
    case .text(let text): content = "\(text)"
    case .number(let value): content = "\(column.format.string(value))"
    case .interval(let interval):
      content = "\(column.format.string(interval.estimate))"
      let lower = column.format.string(interval.lower)
      bounds = " <small>\(lower) – \(column.format.string(interval.upper))</small>"
    case .empty: break
    }
    if let best, cell.value == best {
      content = "<strong title=\"best of the column\">\(content)</strong>"
    }
    return column.isNumeric
      ? "<td class=\"number\">\(content)\(bounds)</td>" : "<td dir=\"auto\">\(content)</td>"
  }
}

extension Report.Table.Cell {
  fileprivate var value: Double? {
    switch self {
    case .number(let value): value.isNaN ? nil : value
    case .interval(let interval): interval.estimate.isNaN ? nil : interval.estimate
    case .text, .empty: nil
    }
  }
}
