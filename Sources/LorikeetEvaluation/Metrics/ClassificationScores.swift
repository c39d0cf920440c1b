// SPDX-License-Identifier: Apache-2.0

/// Accuracy, and precision, recall and F1 of each class.
///
/// precision = hits / predictions of the class, recall = hits / samples of the class, F1 = 2 hits /
/// (predictions + samples); a quotient without a denominator is 0. The macro averages run over the
/// classes that occur among the true or the predicted ones, so a class that nothing is and nothing
/// was taken for does not count. These are scikit-learn's definitions with `zero_division=0`.
public struct ClassificationScores: Sendable, Equatable {
  /// The scores of one class, each in `0 ... 1`.
  public struct ClassScores: Sendable, Equatable {
    public let name: String
    public let precision: Double
    public let recall: Double
    public let f1: Double
    /// The number of samples of the class.
    public let support: Int
  }

  /// The share of samples that were given their class; 0 without samples.
  public let accuracy: Double
  public let macroPrecision: Double
  public let macroRecall: Double
  public let macroF1: Double
  /// The classes that occur, in the order of the matrix.
  public let classes: [ClassScores]

  public init(_ matrix: ConfusionMatrix) {
    func quotient(_ a: Int, _ b: Int) -> Double { b == 0 ? 0 : Double(a) / Double(b) }
    var hits = 0
    var scores: [ClassScores] = []
    for (index, name) in matrix.classes.enumerated() {
      let hit = matrix.counts[index][index]
      let support = matrix.support(index)
      let predictions = matrix.predictions(index)
      hits += hit
      guard support + predictions > 0 else { continue }
      scores.append(
        ClassScores(
          name: name, precision: quotient(hit, predictions), recall: quotient(hit, support),
          f1: quotient(2 * hit, predictions + support), support: support))
    }
    func mean(_ value: (ClassScores) -> Double) -> Double {
      scores.isEmpty ? 0 : scores.reduce(0) { $0 + value($1) } / Double(scores.count)
    }
    accuracy = quotient(hits, matrix.total)
    macroPrecision = mean(\.precision)
    macroRecall = mean(\.recall)
    macroF1 = mean(\.f1)
    classes = scores
  }

  /// The scores of class indices against true ones.
  ///
  /// - Throws: `MetricError` if the lists differ in length or an index is not a class.
  public init(truth: [Int], predicted: [Int], classes: [String]) throws(MetricError) {
    self.init(try ConfusionMatrix(truth: truth, predicted: predicted, classes: classes))
  }
}
