// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetDatasets
internal import LorikeetVisionLanguage

extension Evaluation {
  /// The numbers of all conditions, with intervals of 95 % confidence drawn by the evaluation's seed.
  ///
  /// - Parameters:
  ///   - model: what results call the model; `adapter`, `dataset` and `split` likewise.
  public func results(
    model: String, adapter: String? = nil, dataset: String, split: String, resamples: Int = 1000
  ) throws -> EvaluationResults {
    let scores = try conditions.map { try CaptionScores($0, self) }
    let items = try zip(conditions, scores).map { outcomes, scores in
      let clean = conditions.first {
        $0.condition.pruning == outcomes.condition.pruning && $0.condition.isClean
      }
      return try result(outcomes, scores, clean: clean, resamples: resamples)
    }
    var results = EvaluationResults(
      task: task, model: model, adapter: adapter, dataset: dataset, split: split,
      inputs: inputs.names, seed: seed, resamples: resamples, samples: samples.count,
      skipped: skipped, labels: labels,
      mainMetric: .main(of: items.first.map { Array($0.metrics.keys) } ?? []), conditions: items)
    // What is left of the clean score.
    let main = results.mainMetric
    for index in items.indices where main.isGain && !items[index].isClean {
      let clean = items.first { $0.pruning == items[index].pruning && $0.isClean }
      results.conditions[index].relativeRobustness = clean.flatMap {
        RelativeRobustness.score(clean: $0.value(main), corrupted: items[index].value(main))
      }
    }
    return results
  }

  private func result(
    _ item: ConditionOutcomes, _ scores: CaptionScores?, clean: ConditionOutcomes?, resamples: Int
  ) throws -> ConditionResult {
    let condition = item.condition
    let outcomes = item.outcomes
    let losses = outcomes.map(\.loss)
    func interval(_ statistic: ([Int]) -> Double) -> Bootstrap.Interval {
      Bootstrap.interval(
        n: outcomes.count, resamples: resamples, seed: seed, statistic: statistic)
    }
    var metrics: [EvaluationMetric: ConditionResult.Estimate] = [:]
    let loss = interval { TokenLoss.total(losses, at: $0).mean }
    metrics[.loss] = .init(loss)
    metrics[.perplexity] = .init(
      .init(estimate: exp(loss.estimate), lower: exp(loss.lower), upper: exp(loss.upper)))
    var confusion: ConditionResult.Confusion?
    if task == .classify {
      confusion = try classification(outcomes, &metrics, interval)
    } else if let scores {
      let mean = { (values: [Double]) in
        Bootstrap.mean(values, resamples: resamples, seed: seed)
      }
      for (n, metric) in [EvaluationMetric.bleu1, .bleu2, .bleu3, .bleu4].enumerated() {
        metrics[metric] = .init(
          interval { indices in
            indices.reduce(into: BLEU.Counts()) { $0 += scores.bleu[$1] }.scores[n]
          })
      }
      metrics[.rougeL] = .init(mean(scores.rouge))
      metrics[.cider] = .init(mean(scores.cider))
    }
    var difference: ConditionResult.Estimate?
    if let clean, !condition.isClean {
      let before = clean.outcomes.map(\.loss)
      difference = .init(
        interval { TokenLoss.total(losses, at: $0).mean - TokenLoss.total(before, at: $0).mean })
    }
    let seconds = seconds(item)
    let mask = masks[condition.missing].map { _ in Self.maskName(condition.missing) }
    let pictures = Double(max(item.encoding.pictures, 1))
    return ConditionResult(
      name: condition.name, pruning: condition.pruning, shuffled: condition.isShuffled,
      missing: .init(image: condition.missing.image, text: condition.missing.text),
      effective: .init(image: item.effective.image, text: item.effective.text), mask: mask,
      metrics: metrics, lossDifference: difference,
      tokens: item.encoding.pictures == 0
        ? nil
        : .init(
          kept: Double(item.tokens.kept) / pictures, total: Double(item.tokens.total) / pictures),
      seconds: seconds, samplesPerSecond: seconds.sample > 0 ? 1 / seconds.sample : 0,
      confusion: confusion)
  }

  private func classification(
    _ outcomes: [SampleOutcome], _ metrics: inout [EvaluationMetric: ConditionResult.Estimate],
    _ interval: (([Int]) -> Double) -> Bootstrap.Interval
  ) throws -> ConditionResult.Confusion {
    let places = Dictionary(
      labels.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    let truth = samples.map { $0.label.flatMap { places[$0] } ?? 0 }
    let predicted = outcomes.map { $0.prediction.flatMap { places[$0] } ?? 0 }
    let right = zip(truth, predicted).map { $0 == $1 }
    func scores(_ indices: [Int]) -> ClassificationScores? {
      try? ClassificationScores(
        truth: indices.map { truth[$0] }, predicted: indices.map { predicted[$0] }, classes: labels)
    }
    metrics[.accuracy] = .init(
      interval { indices in
        Double(indices.count { right[$0] }) / Double(max(indices.count, 1))
      })
    metrics[.macroF1] = .init(interval { scores($0)?.macroF1 ?? .nan })
    let confidences = outcomes.map { Double(Likelihood.softmax($0.scores).max() ?? 0) }
    metrics[.calibrationError] = .init(
      try RankingScores.expectedCalibrationError(confidences: confidences, correct: right))
    let matrix = try ConfusionMatrix(truth: truth, predicted: predicted, classes: labels)
    return ConditionResult.Confusion(
      counts: matrix.counts,
      classes: ClassificationScores(matrix).classes.map {
        .init(
          label: $0.name, precision: $0.precision, recall: $0.recall, f1: $0.f1,
          support: $0.support)
      })
  }

  private func seconds(_ item: ConditionOutcomes) -> ConditionResult.Seconds {
    let count = Double(max(item.outcomes.count, 1))
    let encode =
      item.encoding.pictures > 0
      ? item.encoding.seconds / Double(item.encoding.pictures) : nil
    let loss = item.outcomes.reduce(0) { $0 + $1.seconds.loss } / count
    let answer = item.outcomes.reduce(0) { $0 + $1.seconds.answer } / count
    let withPicture = Double(item.outcomes.count { $0.hasImage }) / count
    return ConditionResult.Seconds(
      encode: encode, loss: loss > 0 ? loss : nil, answer: answer > 0 ? answer : nil,
      sample: (encode ?? 0) * withPicture + (answer > 0 ? answer : loss))
  }

  /// The labels of a condition, true and predicted; nil for captions.
  func confusion(of index: Int) -> ConfusionMatrix? {
    guard task == .classify, conditions.indices.contains(index) else { return nil }
    let places = Dictionary(
      labels.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    return try? ConfusionMatrix(
      truth: samples.map { $0.label.flatMap { places[$0] } ?? 0 },
      predicted: conditions[index].outcomes.map { $0.prediction.flatMap { places[$0] } ?? 0 },
      classes: labels)
  }

  /// The file of a mask, relative to the results.
  static func maskName(_ spec: MissingSpec) -> String {
    "masks/image-\(spec.image)-text-\(spec.text).json"
  }
}

/// The scores of the captions of each sample; nothing where none were written.
struct CaptionScores {
  let bleu: [BLEU.Counts]
  let rouge: [Double]
  let cider: [Double]

  init?(_ item: ConditionOutcomes, _ evaluation: Evaluation) throws {
    guard evaluation.task == .caption, evaluation.generates else { return nil }
    // All captions of a picture are references for it.
    var references: [String: [String]] = [:]
    for sample in evaluation.samples {
      references[sample.imagePath ?? sample.id, default: []].append(sample.text ?? "")
    }
    let pairs = try zip(evaluation.samples, item.outcomes).map { sample, outcome in
      try CaptionSample(
        prediction: outcome.prediction ?? "",
        references: references[sample.imagePath ?? sample.id] ?? [sample.text ?? ""])
    }
    bleu = BLEU.counts(pairs)
    rouge = pairs.map { ROUGE.l($0) }
    cider = CIDEr.scores(pairs)
  }
}
