// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// The outputs for each sample, as rows under fixed columns, for JSON lines and CSV files.
public struct SampleTable: Sendable, Equatable {
  /// The keys of each row, in order.
  public let columns: [String]
  public private(set) var rows: [[JSONLine.Value]] = []

  public init(columns: [String]) { self.columns = columns }

  /// Adds a row of one value a column.
  ///
  /// - Throws: `MetricError.lengthMismatch`.
  public mutating func append(_ values: [JSONLine.Value]) throws(MetricError) {
    try MetricError.checkEqual("values", values.count, "columns", columns.count)
    rows.append(values)
  }

  /// One object a row and line, all with the same keys in the same order.
  public func jsonLines() -> String {
    rows.map { row in
      JSONLine(zip(columns, row).map { (key: $0, value: $1) }).description + "\n"
    }.joined()
  }

  /// Comma-separated values with a line of column names, quoted as RFC 4180 says; null and numbers
  /// that are not finite are empty, lists and objects are JSON.
  public func csv() -> String {
    ([columns.map(SampleTable.quoted)] + rows.map { $0.map(SampleTable.field) })
      .map { $0.joined(separator: ",") + "\n" }.joined()
  }

  /// - Throws: `FileError` if the file cannot be written.
  public func writeJSONLines(to path: String) throws(FileError) {
    try AtomicFile.write(jsonLines(), to: path)
  }

  /// - Throws: `FileError` if the file cannot be written.
  public func writeCSV(to path: String) throws(FileError) {
    try AtomicFile.write(csv(), to: path)
  }

  private static func field(_ value: JSONLine.Value) -> String {
    switch value {
    case .null: ""
    case .float(let value) where !value.isFinite: ""
    case .double(let value) where !value.isFinite: ""
    case .string(let value): quoted(value)
    default: quoted(value.description)
    }
  }

  private static func quoted(_ text: String) -> String {
    let special: Set<Unicode.Scalar> = [",", "\"", "\n", "\r"]
    guard text.unicodeScalars.contains(where: special.contains) else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
  }
}
