// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAutograd
import LorikeetDatasets
import LorikeetEvaluation
import LorikeetImages
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTokenPruning
import LorikeetVisionLanguage
import Testing

/// A pipeline and a set on the disk, for the time of a test.
func withTinyEvaluation(
  _ body: (_ pipeline: Pipeline, _ dataset: Dataset, _ directory: String) throws -> Void
) throws {
  try withTemporaryDirectory { directory in
    try TinyModel.write(to: directory + "/model")
    try TinyPictures.writeDataset(to: directory + "/data")
    try body(
      Pipeline(model: directory + "/model"), Dataset(path: directory + "/data"), directory)
  }
}

@Suite struct EvaluatorTests {
  private func options(_ task: EvaluationTask) -> EvaluationOptions {
    var options = EvaluationOptions(task: task)
    options.maxTokens = 6
    options.seed = 7
    return options
  }

  // MARK: Outcomes

  @Test func captionLossesAreThoseOfThePipeline() throws {
    try withTinyEvaluation { pipeline, dataset, _ in
      var options = options(.caption)
      options.batchSize = 4
      let evaluation = try Evaluator(pipeline, options).run(on: dataset)
      #expect(evaluation.conditions.count == 1)
      for (sample, outcome) in zip(dataset.samples, evaluation.conditions[0].outcomes) {
        let path = try #require(sample.imagePath)
        let features = try pipeline.features(Image(contentsOf: path), name: path)
        var sequence = try pipeline.processor.prompt(
          image: .features(features), text: nil, instruction: "Caption:",
          settings: pipeline.settings)
        var generation = GenerationOptions()
        generation.maxTokens = 6
        let written = try pipeline.write([sequence], generation)
        sequence.answer = pipeline.answer(sample.text ?? "")
        let batch = pipeline.model.pack([sequence], tape: .inference)
        let losses = pipeline.model.loss(batch, tape: .inference).losses
        // " A red boat." and the end token, letter by letter.
        #expect(outcome.loss.tokens == (sample.text ?? "").count + 2)
        #expect(losses.count == outcome.loss.tokens)
        let mean = losses.reduce(0) { $0 + Double($1) } / Double(losses.count)
        #expect(abs(outcome.loss.mean - mean) < 1e-4 * mean)
        #expect(outcome.prediction == written[0])
        #expect(outcome.hasImage)
      }
    }
  }

  @Test func labelsAreTheLikeliest() throws {
    try withTinyEvaluation { pipeline, dataset, _ in
      let evaluation = try Evaluator(pipeline, options(.classify)).run(on: dataset)
      #expect(evaluation.labels == ["animal", "plant", "vehicle"])
      var right = 0
      for (sample, outcome) in zip(dataset.samples, evaluation.conditions[0].outcomes) {
        let path = try #require(sample.imagePath)
        let features = try pipeline.features(Image(contentsOf: path), name: path)
        let prompt = try pipeline.processor.prompt(
          image: .features(features), text: .words(sample.text ?? ""), instruction: "Category:",
          settings: pipeline.settings)
        let scores = try pipeline.scores(of: evaluation.labels, after: prompt)
        for (score, other) in zip(scores, outcome.scores) { #expect(abs(score - other) < 1e-4) }
        let best = try #require(scores.indices.max { scores[$0] < scores[$1] })
        #expect(outcome.prediction == evaluation.labels[best])
        let truth = try #require(evaluation.labels.firstIndex { $0 == sample.label })
        #expect(abs(outcome.loss.mean + Double(scores[truth])) < 1e-4)
        if best == truth { right += 1 }
      }
      let results = try evaluation.results(model: "m", dataset: "d", split: "test")
      let condition = results.conditions[0]
      #expect(results.mainMetric == .accuracy)
      #expect(condition.value(.accuracy) == Double(right) / 10)
      let confusion = try #require(condition.confusion)
      #expect(confusion.counts.joined().reduce(0, +) == 10)
      #expect((0..<3).reduce(0) { $0 + confusion.counts[$1][$1] } == right)
      #expect(confusion.counts.map { $0.reduce(0, +) } == [3, 3, 4])
      let interval = condition.interval(.accuracy)
      #expect(interval.lower <= interval.estimate && interval.estimate <= interval.upper)
    }
  }

  // MARK: Conditions

  @Test func conditionsAreAGridWithTheCleanOneFirst() throws {
    try withTinyEvaluation { pipeline, dataset, _ in
      var options = options(.classify)
      options.missing = [
        try MissingSpec(image: 0.3, text: 0.7), .complete, try MissingSpec(image: 1),
      ]
      options.prunings = [nil, "fopru-rank:0.25"]
      options.shufflesImages = true
      let evaluation = try Evaluator(pipeline, options).run(on: dataset)
      #expect(
        evaluation.conditions.map(\.condition.name) == [
          "clean", "shuffled", "missing image=0.3,text=0.7", "missing image=1.0",
          "clean, fopru-rank:0.25", "shuffled, fopru-rank:0.25",
          "missing image=0.3,text=0.7, fopru-rank:0.25", "missing image=1.0, fopru-rank:0.25",
        ])
      let results = try evaluation.results(model: "m", dataset: "d", split: "test")
      #expect(results.conditions.map { $0.tokens?.kept } == [16, 16, 16, 16, 4, 4, 4, 4])
      #expect(results.conditions.allSatisfy { $0.tokens?.total == 16 })
      // Without pictures it does not matter how they are pruned.
      let blind = [3, 7].map { evaluation.conditions[$0].outcomes.map(\.loss) }
      #expect(blind[0] == blind[1])
      #expect(results.conditions[0].lossDifference == nil)
      let difference = try #require(results.conditions[3].lossDifference?.value)
      let expected = results.conditions[3].value(.loss) - results.conditions[0].value(.loss)
      #expect(abs(difference - expected) < 1e-9)
      let clean = results.conditions[4].value(.accuracy)
      let robustness = results.conditions[6].relativeRobustness
      #expect(
        robustness == (clean == 0 ? nil : results.conditions[6].value(.accuracy) / clean)
          || abs((robustness ?? 0) - results.conditions[6].value(.accuracy) / clean) < 1e-9)
    }
  }

  @Test func missingInputsFollowTheMask() throws {
    try withTinyEvaluation { pipeline, dataset, _ in
      var options = options(.classify)
      let spec = try MissingSpec(image: 0.5, text: 0.25)
      options.missing = [spec]
      var told: [MissingSpec] = []
      let evaluation = try Evaluator(pipeline, options).run(on: dataset) { event in
        if case .condition(_, let effective) = event { told.append(effective) }
      }
      let mask = try MissingMask(count: 10, spec: spec, seed: 7)
      #expect(evaluation.masks == [spec: mask])
      let clean = evaluation.conditions[0].outcomes
      let missing = evaluation.conditions[1].outcomes
      for index in 0..<10 {
        #expect(missing[index].hasImage == !mask[index].isImageMissing)
        #expect(missing[index].hasText == !mask[index].isTextMissing)
        #expect((missing[index].scores == clean[index].scores) == (mask[index] == .complete))
      }
      // A quarter of ten samples is 2.5 and becomes three.
      #expect(told == [.complete, try MissingSpec(image: 0.5, text: 0.3)])
      #expect(evaluation.conditions[1].effective == told[1])
    }
  }

  @Test func shuffledPicturesChangeEveryLoss() throws {
    try withTinyEvaluation { pipeline, dataset, _ in
      var options = options(.caption)
      options.generates = false
      options.shufflesImages = true
      let evaluation = try Evaluator(pipeline, options).run(on: dataset)
      let (clean, shuffled) = (evaluation.conditions[0].outcomes, evaluation.conditions[1].outcomes)
      #expect(zip(clean, shuffled).allSatisfy { $0.loss.sum != $1.loss.sum })
      #expect(clean.allSatisfy { $0.prediction == nil })
    }
  }

  @Test func inputsThatAreNotUsedCountAsMissing() throws {
    try withTinyEvaluation { pipeline, dataset, _ in
      var both = options(.classify)
      both.missing = [try MissingSpec(text: 1)]
      var alone = options(.classify)
      alone.inputs = .image
      let first = try Evaluator(pipeline, both).run(on: dataset).conditions[1]
      let second = try Evaluator(pipeline, alone).run(on: dataset).conditions[0]
      #expect(first.outcomes.map(\.scores) == second.outcomes.map(\.scores))
      // What is not used is not counted as missing.
      #expect(second.effective == .complete)
    }
  }

  // MARK: Determinism and memory

  @Test func theSeedDecidesEverything() throws {
    try withTinyEvaluation { pipeline, dataset, _ in
      var options = options(.caption)
      options.missing = [try MissingSpec(image: 0.5)]
      options.prunings = [nil, "random:0.5"]
      options.shufflesImages = true
      func run() throws -> (String, [ConditionResult]) {
        let evaluation = try Evaluator(pipeline, options).run(on: dataset)
        let results = try evaluation.results(model: "m", dataset: "d", split: "test")
        return (try evaluation.sampleLines(), results.conditions)
      }
      let (first, second) = (try run(), try run())
      #expect(first.0 == second.0)
      #expect(first.1.map(\.metrics) == second.1.map(\.metrics))
      options.seed = 8
      #expect(try run().0 != first.0)
    }
  }

  @Test func picturesThatDoNotFitInMemoryAreEncodedAgain() throws {
    try withTinyEvaluation { pipeline, dataset, _ in
      var options = options(.classify)
      options.prunings = ["random:0.5"]
      options.shufflesImages = true
      let kept = try Evaluator(pipeline, options).run(on: dataset)
      options.featureBytes = 2000
      let encoded = try Evaluator(pipeline, options).run(on: dataset)
      for (a, b) in zip(kept.conditions, encoded.conditions) {
        for (first, second) in zip(a.outcomes, b.outcomes) {
          #expect(zip(first.scores, second.scores).allSatisfy { abs($0 - $1) < 1e-4 })
        }
      }
    }
  }

  @Test func thePipelineKeepsItsPruning() throws {
    try withTinyEvaluation { pipeline, dataset, _ in
      pipeline.pruning = try PruningSpecification("uniform:0.5")
      var options = options(.classify)
      let own = try Evaluator(pipeline, options).run(on: dataset)
      #expect(own.conditions.map(\.condition.pruning) == ["uniform:0.5"])
      options.prunings = [nil]
      let none = try Evaluator(pipeline, options).run(on: dataset)
      #expect(none.conditions.map(\.condition.pruning) == [nil])
      #expect(pipeline.pruning?.description == "uniform:0.5")
    }
  }

  // MARK: What cannot be used

  @Test func unreadablePicturesAreLeftOutOrFatal() throws {
    try withTinyEvaluation { pipeline, dataset, directory in
      try Data("no picture".utf8).write(to: URL(filePath: directory + "/data/car-18.png"))
      var options = options(.classify)
      options.missing = [try MissingSpec(image: 1)]
      options.prunings = [nil, "fopru-row:0.5"]
      var warnings: [String] = []
      var last = (done: 0, total: 0)
      let evaluation = try Evaluator(pipeline, options).run(on: dataset) { event in
        switch event {
        case .warning(let text): warnings.append(text)
        case .progress(let done, let total, _): last = (done, total)
        case .condition: break
        }
      }
      #expect(evaluation.samples.count == 9)
      #expect(evaluation.skipped == ["unreadable picture": 1])
      #expect(warnings.count == 1)
      #expect(warnings[0].contains("car-18.png: is not a PNG or JPEG picture"))
      #expect(evaluation.conditions.allSatisfy { $0.outcomes.count == 9 })
      #expect(last.done == last.total)
      options.isStrict = true
      #expect(throws: ImageError.self) { try Evaluator(pipeline, options).run(on: dataset) }
    }
  }

  @Test func samplesThatCannotServeTheTaskAreCounted() throws {
    try withTinyEvaluation { pipeline, dataset, _ in
      let samples = dataset.samples.enumerated().map { index, sample in
        var sample = sample
        if index == 0 { sample.text = nil }
        if index == 1 { sample.label = nil }
        if index == 2 { sample.imagePath = nil }
        return sample
      }
      let changed = Dataset(name: "d", directory: "/d", samples: samples)
      var caption = options(.caption)
      caption.generates = false
      let captions = try Evaluator(pipeline, caption).run(on: changed)
      #expect(captions.skipped == ["no text": 1, "no picture": 1])
      var classify = options(.classify)
      classify.labels = ["plant", "vehicle"]
      let labels = try Evaluator(pipeline, classify).run(on: changed)
      #expect(labels.skipped == ["no label": 1, "a label that is not among the choices": 3])
      // What a sample lacks by itself is missing in the clean condition.
      #expect(
        labels.conditions[0].outcomes.map(\.hasText) == [false, true, true, true, true, true])
      #expect(
        labels.conditions[0].outcomes.map(\.hasImage) == [true, false, true, true, true, true])
      let none = Dataset(name: "d", directory: "/d", samples: [samples[0]])
      #expect {
        try Evaluator(pipeline, caption).run(on: none)
      } throws: {
        "\($0)" == "/d: no sample can be used: 1 with no text"
      }
    }
  }

  @Test func optionsThatContradictAreRefused() throws {
    var caption = options(.caption)
    caption.missing = [try MissingSpec(text: 0.5)]
    #expect {
      try caption.validate()
    } throws: {
      "\($0)"
        == "missing image=0.0,text=0.5: the task does not use text, so it cannot go missing"
    }
    var text = options(.classify)
    text.inputs = .text
    text.shufflesImages = true
    #expect(throws: EvaluationError.self) { try text.validate() }
    var prune = options(.classify)
    prune.prunings = ["nothing:0.5"]
    #expect(throws: PruningError.self) { try prune.validate() }
  }
}
