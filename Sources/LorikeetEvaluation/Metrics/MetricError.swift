// SPDX-License-Identifier: Apache-2.0

/// Results that a metric cannot be computed from.
public enum MetricError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A caption that has nothing to be held against.
  case noReferences(prediction: String)
  /// Two lists that belong together, of different lengths.
  case lengthMismatch(name: String, count: Int, otherName: String, otherCount: Int)
  /// A class index outside `0 ..< classes`.
  case classOutOfRange(index: Int, classes: Int)

  public var description: String {
    switch self {
    case .noReferences(let prediction):
      "the prediction '\(prediction)' has no reference caption, at least one is needed"
    case .lengthMismatch(let name, let count, let otherName, let otherCount):
      "\(count) \(name) stand against \(otherCount) \(otherName), the counts must be equal"
    case .classOutOfRange(let index, let classes):
      "class \(index) is outside 0 ..< \(classes)"
    }
  }

  static func checkEqual(
    _ name: String, _ count: Int, _ otherName: String, _ otherCount: Int
  ) throws(MetricError) {
    guard count == otherCount else {
      throw .lengthMismatch(name: name, count: count, otherName: otherName, otherCount: otherCount)
    }
  }
}
