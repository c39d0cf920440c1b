// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetEvaluation
import Testing

@Suite struct MetricsClassificationTests {
  @Test func scoresEqualTheReference() throws {
    let fixture = try MetricsFixtures.load(
      "classification.json", as: MetricsFixtures.Classification.self)
    let scores = try ClassificationScores(
      truth: fixture.truth, predicted: fixture.predicted, classes: fixture.names)
    #expect(close(scores.accuracy, fixture.accuracy))
    #expect(close(scores.macroF1, fixture.macroF1))
    #expect(close(scores.macroPrecision, fixture.macroPrecision))
    #expect(close(scores.macroRecall, fixture.macroRecall))
    #expect(scores.classes.map(\.name) == fixture.classes.map(\.name))
    #expect(!scores.classes.map(\.name).contains("never"))
    for (ours, expected) in zip(scores.classes, fixture.classes) {
      #expect(close(ours.precision, expected.precision))
      #expect(close(ours.recall, expected.recall))
      #expect(close(ours.f1, expected.f1))
      #expect(ours.support == expected.support)
    }
    let auroc = try RankingScores.auroc(positive: fixture.positive, scores: fixture.scores)
    #expect(close(try #require(auroc), fixture.auroc))
    let error = try RankingScores.expectedCalibrationError(
      confidences: fixture.confidences, correct: fixture.correct, bins: 10)
    #expect(close(try #require(error), fixture.calibrationError10))
  }

  @Test func smallMatrixByHand() throws {
    // cat: 2 samples, 1 found; dog: 1 sample, found, and one cat taken for it; emu: only predicted.
    let matrix = try ConfusionMatrix(
      truth: ["cat", "cat", "dog", "dog"], predicted: ["cat", "dog", "dog", "emu"])
    #expect(matrix.classes == ["cat", "dog", "emu"])
    #expect(matrix.counts == [[1, 1, 0], [0, 1, 1], [0, 0, 0]])
    let scores = ClassificationScores(matrix)
    #expect(scores.accuracy == 0.5)
    // F1: cat 2·1/(1+2), dog 2·1/(2+2), emu 0.
    #expect(close(scores.macroF1, (2.0 / 3 + 0.5 + 0) / 3))
  }

  @Test func emptyAndMisshapenInputs() throws {
    let empty = ClassificationScores(try ConfusionMatrix(truth: [String](), predicted: []))
    #expect(empty.accuracy == 0 && empty.macroF1 == 0 && empty.classes.isEmpty)
    #expect(throws: MetricError.classOutOfRange(index: 2, classes: 2)) {
      try ConfusionMatrix(truth: [0], predicted: [2], classes: ["a", "b"])
    }
    #expect(throws: MetricError.classOutOfRange(index: -1, classes: 2)) {
      try ConfusionMatrix(truth: [-1], predicted: [0], classes: ["a", "b"])
    }
    #expect {
      try ConfusionMatrix(truth: ["a"], predicted: [])
    } throws: {
      "\($0)" == "1 true classes stand against 0 predicted classes, the counts must be equal"
    }
    #expect(try RankingScores.auroc(positive: [true], scores: [1]) == nil)
    #expect(try RankingScores.auroc(positive: [true, false], scores: [1, .nan]) == nil)
    #expect(try RankingScores.expectedCalibrationError(confidences: [], correct: []) == nil)
  }

  @Test func rankingByHand() throws {
    // Pairs: (0.9, 0.4) right, (0.9, 0.9) tied, (0.1, 0.4) wrong, (0.1, 0.9) wrong: 1.5 / 4.
    let auroc = try RankingScores.auroc(
      positive: [true, true, false, false], scores: [0.9, 0.1, 0.4, 0.9])
    #expect(auroc == 0.375)
    // Both in the bin (0.5, 1]: |1/2 - 0.8|.
    let error = try RankingScores.expectedCalibrationError(
      confidences: [0.7, 0.9], correct: [true, false], bins: 2)
    #expect(close(try #require(error), 0.3))
  }

  @Test func lossIsWeightedByTokens() {
    var loss = TokenLoss()
    #expect(loss.mean.isNaN)
    loss.add(sum: 2 * log(4), tokens: 2)
    loss += TokenLoss(sum: 0, tokens: 2)
    // Four tokens, two of them with probability 1/4: exp(2 ln 4 / 4) = 2.
    #expect(close(loss.perplexity, 2))
    let parts = [TokenLoss(sum: 1, tokens: 1), TokenLoss(sum: 3, tokens: 2)]
    #expect(TokenLoss.total(parts, at: [1, 1, 0]) == TokenLoss(sum: 7, tokens: 5))
  }

  @Test func robustnessIsTheShareThatRemains() {
    #expect(RelativeRobustness.score(clean: 0.8, corrupted: 0.6) == 1 - (0.8 - 0.6) / 0.8)
    #expect(RelativeRobustness.score(clean: 0.5, corrupted: 0.5) == 1)
    #expect(RelativeRobustness.score(clean: 0, corrupted: 0.5) == nil)
    #expect(RelativeRobustness.score(clean: .nan, corrupted: 0.5) == nil)
  }
}
