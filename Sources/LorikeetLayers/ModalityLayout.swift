// SPDX-License-Identifier: Apache-2.0

/// What kind of input a row of a sequence stands for.
///
/// An open set of names: routings and adapters refer to modalities by name.
public struct Modality: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }

  public static let image = Modality(rawValue: "image")
  public static let text = Modality(rawValue: "text")
  /// A row that stands in for an image that is not there.
  public static let missingImage = Modality(rawValue: "missing_image")
  /// A row that stands in for a text that is not there.
  public static let missingText = Modality(rawValue: "missing_text")

  public var description: String { rawValue }
}

/// The modality of every row of a packed batch, as runs of equal ones.
public struct ModalityLayout: Sendable, Equatable {
  public struct Run: Sendable, Equatable {
    public var modality: Modality
    public var rows: Range<Int>
  }
  /// Ascending, without gaps.
  public private(set) var runs: [Run] = []

  public init() {}

  /// Rows of one modality throughout.
  public init(_ modality: Modality, rows: Int) { append(modality, count: rows) }

  public var rows: Int { runs.last?.rows.upperBound ?? 0 }

  /// Adds `count` rows of a modality at the end.
  public mutating func append(_ modality: Modality, count: Int) {
    guard count > 0 else { return }
    let start = rows
    if let last = runs.indices.last, runs[last].modality == modality {
      runs[last].rows = runs[last].rows.lowerBound..<start + count
    } else {
      runs.append(Run(modality: modality, rows: start..<start + count))
    }
  }

  /// Adds another layout at the end.
  public mutating func append(_ other: ModalityLayout) {
    for run in other.runs { append(run.modality, count: run.rows.count) }
  }

  /// The layout of some runs of rows, laid end to end.
  package func of(_ chosen: [Range<Int>]) -> ModalityLayout {
    var result = ModalityLayout()
    for rows in chosen {
      for run in runs where run.rows.overlaps(rows) {
        result.append(run.modality, count: run.rows.clamped(to: rows).count)
      }
    }
    return result
  }

  /// The rows of some modalities, neighbouring runs joined.
  public func rows(of modalities: Set<Modality>) -> [Range<Int>] {
    var result: [Range<Int>] = []
    for run in runs where modalities.contains(run.modality) {
      if let last = result.last, last.upperBound == run.rows.lowerBound {
        result[result.count - 1] = last.lowerBound..<run.rows.upperBound
      } else {
        result.append(run.rows)
      }
    }
    return result
  }
}
