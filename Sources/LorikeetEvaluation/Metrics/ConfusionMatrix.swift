// SPDX-License-Identifier: Apache-2.0

/// How often each true class was given each predicted class.
public struct ConfusionMatrix: Sendable, Equatable {
  /// The names of the classes, in the order of rows and columns.
  public let classes: [String]
  /// `[true class, predicted class]`.
  public private(set) var counts: [[Int]]

  /// Counts pairs of class indices.
  ///
  /// - Throws: `MetricError` if the lists differ in length or an index is not a class.
  public init(truth: [Int], predicted: [Int], classes: [String]) throws(MetricError) {
    try MetricError.checkEqual("true classes", truth.count, "predicted classes", predicted.count)
    self.classes = classes
    counts = Array(repeating: Array(repeating: 0, count: classes.count), count: classes.count)
    for (row, column) in zip(truth, predicted) {
      for index in [row, column] where !classes.indices.contains(index) {
        throw .classOutOfRange(index: index, classes: classes.count)
      }
      counts[row][column] += 1
    }
  }

  /// Counts pairs of class names; the classes are those that occur, sorted.
  ///
  /// - Throws: `MetricError` if the lists differ in length.
  public init(truth: [String], predicted: [String]) throws(MetricError) {
    let classes = Set(truth).union(predicted).sorted()
    let numbers = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, $0) })
    try self.init(
      truth: truth.compactMap { numbers[$0] }, predicted: predicted.compactMap { numbers[$0] },
      classes: classes)
  }

  /// The number of samples.
  public var total: Int { counts.reduce(0) { $0 + $1.reduce(0, +) } }

  /// The samples of class `index`.
  public func support(_ index: Int) -> Int { counts[index].reduce(0, +) }

  /// The samples that were taken for class `index`.
  public func predictions(_ index: Int) -> Int { counts.reduce(0) { $0 + $1[index] } }
}
