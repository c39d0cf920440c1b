// SPDX-License-Identifier: Apache-2.0

internal import LorikeetDatasets
internal import LorikeetTensors

extension Evaluation {
  /// Every answer under every condition, one JSON object a line.
  package func sampleLines() throws -> String {
    var text = ""
    for item in conditions {
      let scores = try CaptionScores(item, self)
      for (index, outcome) in item.outcomes.enumerated() {
        text += line(index, outcome, item.condition, scores).description + "\n"
      }
    }
    return text
  }

  /// Whether an answer is right; nil for captions.
  func isRight(_ index: Int, _ outcome: SampleOutcome) -> Bool? {
    task == .classify ? outcome.prediction == samples[index].label : nil
  }

  private func line(
    _ index: Int, _ outcome: SampleOutcome, _ condition: EvaluationCondition,
    _ scores: CaptionScores?
  ) -> JSONLine {
    let sample = samples[index]
    let reference = task == .caption ? sample.text : sample.label
    func string(_ value: String?) -> JSONLine.Value { value.map { .string($0) } ?? .null }
    var line: JSONLine = [
      "id": .string(sample.id),
      "condition": .string(condition.name),
      "pruning": string(condition.pruning),
      "shuffled": .bool(condition.isShuffled),
      "missing_image": .bool(inputs.contains(.image) && !outcome.hasImage),
      "missing_text": .bool(inputs.contains(.text) && !outcome.hasText),
      "reference": string(reference),
      "prediction": string(outcome.prediction),
    ]
    if let right = isRight(index, outcome) { line.append("right", .bool(right)) }
    line.append("loss", .double(outcome.loss.mean))
    line.append("tokens", .int(outcome.loss.tokens))
    if let scores {
      line.append("rouge_l", .double(scores.rouge[index]))
      line.append("cider_d", .double(scores.cider[index]))
    }
    if task == .classify {
      let pairs = zip(labels, outcome.scores).map { (key: $0, value: JSONLine.Value.float($1)) }
      line.append("scores", .object(JSONLine(pairs)))
    }
    return line
  }
}
