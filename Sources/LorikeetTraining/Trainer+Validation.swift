// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetAutograd
internal import LorikeetDatasets
internal import LorikeetMissingModality
internal import LorikeetTensors
internal import LorikeetVisionLanguage

extension Trainer {
  /// The validation loss of each task, also with inputs missing; keeps the result if it is the best so far.
  func evaluate(
    _ metrics: MetricsLog, _ board: TensorBoardWriter, _ bar: ProgressBar
  ) throws {
    guard let validation else { return }
    var order = Array(validation.samples.indices)
    var random = RandomStream.derive(seed: recipe.seed, label: "validation")
    random.shuffle(&order)
    order = Array(order.prefix(recipe.evalSamples))
    var sum = (loss: 0.0, weight: 0.0)
    var values = JSONLine([])
    for (task, weight) in [
      (TrainingTask.caption, recipe.captionWeight), (.classify, recipe.classifyWeight),
      (.conversation, 1),
    ] where weight > 0 {
      // Inputs go missing as often as in training, but for what is rare there.
      for (lost, probability) in validation.examples.dropout(of: task).losses
      where probability >= 0.1 {
        let examples = order.compactMap {
          validation.examples.example($0, task: task, lost: lost)
        }
        guard !examples.isEmpty else { continue }
        let loss = try meanLoss(examples, validation)
        let share = weight * probability
        sum = (sum.loss + share * loss, sum.weight + share)
        let name =
          task.rawValue + (lost.image ? "_without_image" : lost.text ? "_without_text" : "")
          + "_loss"
        values.append(name, .double(loss))
        try board.add([("validation/\(name)", Float(loss))], step: state.step)
      }
    }
    for warning in validation.pictures.takeWarnings() { bar.message(warning) }
    guard sum.weight > 0 else { return }
    let loss = sum.loss / sum.weight
    let isBest = loss < state.bestLoss ?? .infinity
    if isBest {
      state.bestLoss = loss
      state.bestStep = state.step
      state.evaluationsWithoutGain = 0
      try saveResult()
    } else {
      state.evaluationsWithoutGain += 1
    }
    values.append("loss", .double(loss))
    try metrics.append(step: state.step, split: "validation", values)
    try board.add([("validation/loss", Float(loss))], step: state.step)
    let parts = values.pairs.compactMap { key, value -> String? in
      guard case .double(let number) = value else { return nil }
      return "\(key) " + String(format: "%.3f", number)
    }
    bar.message(
      "step \(state.step)  validation " + parts.joined(separator: "  ") + (isBest ? "  best" : "")
        + String(format: "  (%.1f min)", state.seconds / 60))
  }

  private func meanLoss(_ examples: [TrainingExample], _ split: TrainingSplit) throws -> Double {
    var total = 0.0
    var tokens = 0
    var random = RandomStream.derive(seed: recipe.seed, label: "validation pictures")
    for start in stride(from: 0, to: examples.count, by: 16) {
      let sequences = try split.sequences(
        Array(examples[start..<min(start + 16, examples.count)]), tape: .inference,
        isTraining: false, &random)
      let batch = pipeline.model.pack(
        sequences, missing: pipeline.missing, positions: pipeline.settings.prunedPositions,
        tape: .inference)
      let losses = pipeline.model.loss(batch, tape: .inference).losses
      total += losses.reduce(0) { $0 + Double($1) }
      tokens += losses.count
    }
    return total / Double(max(tokens, 1))
  }
}
