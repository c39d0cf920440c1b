// SPDX-License-Identifier: Apache-2.0

public import LorikeetDatasets
internal import LorikeetImages
internal import LorikeetLayers
internal import LorikeetTensors
internal import LorikeetTokenPruning
public import LorikeetVisionLanguage

/// What an evaluation tells while it runs.
public enum EvaluationEvent: Sendable {
  /// Units of work done so far (pictures encoded and answers given), of how many, and the answers
  /// since the last event.
  case progress(done: Int, total: Int, samples: Int)
  /// Something that a person should know.
  case warning(String)
  /// A condition with the rates that it really has.
  case condition(EvaluationCondition, effective: MissingSpec)
}

/// Measures a pipeline on a data set under a grid of conditions: inputs missing, visual tokens pruned,
/// pictures shuffled.
///
/// Pictures are encoded once for each pruning method, and an answer that two conditions share (a
/// sample that lost nothing under the second) is computed once.
public final class Evaluator {
  private let pipeline: Pipeline
  private let options: EvaluationOptions

  public init(_ pipeline: Pipeline, _ options: EvaluationOptions) {
    self.pipeline = pipeline
    self.options = options
  }

  /// Goes through all conditions.
  ///
  /// - Parameter dataset: the samples to measure on, a split for example.
  /// - Throws: `EvaluationError` for options or a set that cannot be used; what a picture fails with
  ///   if the options are strict.
  public func run(
    on dataset: Dataset, onEvent: (EvaluationEvent) -> Void = { _ in }
  ) throws -> Evaluation {
    try options.validate()
    let own = pipeline.pruning
    defer { pipeline.pruning = own }
    let looksAtPictures = options.inputs.contains(.image)
    if looksAtPictures, pipeline.model.vision == nil {
      throw EvaluationError.option(
        name: "task \(options.task.rawValue)",
        reason: "the model takes no pictures"
          + (options.task == .classify ? "; choose the inputs text" : ""))
    }
    let conditions = EvaluationCondition.grid(options, pruning: own?.description)
    var prunings: [String?] = []
    for condition in conditions where !prunings.contains(condition.pruning) {
      prunings.append(condition.pruning)
    }
    var labels = options.labels.isEmpty ? pipeline.settings.labels : options.labels
    if labels.isEmpty { labels = dataset.labels }
    var samples = try EvaluationSamples(dataset, options, labels: labels)

    var evaluation = Evaluation(task: options.task, inputs: options.inputs, seed: options.seed)
    evaluation.labels = options.task == .classify ? labels : []
    evaluation.generates = options.generates
    evaluation.batchSize = options.batchSize
    evaluation.datasetName = dataset.name

    var plan = try Plan(samples, conditions, options)
    let encodes = looksAtPictures ? samples.pictures.count * prunings.count : 0
    var done = 0
    func advance(_ units: Int, samples: Int) {
      done += units
      onEvent(.progress(done: done, total: max(encodes + plan.answers, done), samples: samples))
    }
    for pruning in prunings {
      pipeline.pruning = try pruning.map { try PruningSpecification($0) }
      let features = PictureFeatures(
        pipeline, paths: samples.pictures, seed: options.seed, limit: options.featureBytes)
      if looksAtPictures {
        let failures = try features.prepare(
          samples.pictures.indices.filter { samples.isReadable($0) }, isStrict: options.isStrict
        ) { advance($0, samples: 0) }
        // The pictures are the same for all methods, so they fail with the first.
        if !failures.isEmpty {
          for (_, reason) in failures.sorted(by: { $0.key < $1.key }) {
            onEvent(.warning("\(reason); its samples are left out"))
          }
          try samples.leaveOut(pictures: Set(failures.keys), dataset)
          plan = try Plan(samples, conditions, options)
        }
      }
      evaluation.samples = samples.samples
      evaluation.skipped = samples.skipped
      evaluation.masks = plan.masks
      let source = OutcomeSource(
        pipeline: pipeline, options: options, samples: samples, labels: labels, features: features)
      var answers: [OutcomeKey: SampleOutcome] = [:]
      for condition in conditions where condition.pruning == pruning {
        let keys = plan.keys(condition)
        let effective = plan.rates(condition)
        onEvent(.condition(condition, effective: effective))
        let new = keys.filter { answers[$0] == nil }
        for start in stride(from: 0, to: new.count, by: options.batchSize) {
          let batch = Array(new[start..<min(start + options.batchSize, new.count)])
          for (key, outcome) in zip(batch, try source.outcomes(batch)) { answers[key] = outcome }
          advance(batch.count, samples: batch.count)
        }
        evaluation.conditions.append(
          ConditionOutcomes(
            condition: condition, effective: effective, outcomes: keys.compactMap { answers[$0] },
            tokens: features.tokens, encoding: features.encoding))
      }
      if looksAtPictures {
        try evaluation.keepPatches(
          pruning: pipeline.pruning, features, samples, count: options.shownSamples)
      }
    }
    onEvent(.progress(done: done, total: done, samples: 0))
    return evaluation
  }
}
