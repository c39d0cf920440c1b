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
        reason: "the model takes no pictures; choose --inputs text")
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

    let step = samples.pictures.count
    var total = looksAtPictures ? step * prunings.count : 0
    var done = 0
    func advance(_ units: Int, samples: Int) {
      done += units
      onEvent(.progress(done: done, total: max(total, done), samples: samples))
    }
    var dealt: [Int] = []
    for (number, pruning) in prunings.enumerated() {
      pipeline.pruning = try pruning.map { try PruningSpecification($0) }
      let features = PictureFeatures(
        pipeline, paths: samples.pictures, seed: options.seed, limit: options.featureBytes)
      if looksAtPictures {
        let failures = try features.prepare(
          Array(samples.pictures.indices.filter { samples.isNeeded($0) }),
          isStrict: options.isStrict
        ) { advance($0, samples: 0) }
        for (_, reason) in failures.sorted(by: { $0.key < $1.key }) {
          onEvent(.warning("\(reason); its samples are left out"))
        }
        // The pictures are the same for all methods, so they fail with the first.
        try samples.leaveOut(pictures: Set(failures.keys), dataset)
      }
      let row = conditions.filter { $0.pruning == pruning }
      if number == 0 {
        dealt = PictureShuffle.deal(
          samples.samples.indices.map { samples.picture(of: $0) }, seed: options.seed)
        evaluation.samples = samples.samples
        evaluation.skipped = samples.skipped
        evaluation.masks = try Dictionary(
          conditions.filter { $0.missing != .complete }.map { condition in
            let mask = try MissingMask(
              count: samples.samples.count, spec: condition.missing, seed: options.seed)
            return (condition.missing, mask)
          }, uniquingKeysWith: { first, _ in first })
        let keys = row.map { Set(self.keys($0, samples, evaluation.masks, dealt)) }
        let perMethod = keys.reduce(into: Set<OutcomeKey>()) { $0.formUnion($1) }.count
        total += perMethod * prunings.count
      }
      var answers: [OutcomeKey: SampleOutcome] = [:]
      let source = OutcomeSource(
        pipeline: pipeline, options: options, samples: samples, labels: labels, features: features)
      for condition in row {
        let keys = keys(condition, samples, evaluation.masks, dealt)
        let effective = Self.rates(keys, options)
        onEvent(.condition(condition, effective: effective))
        let new = keys.filter { answers[$0] == nil }
        for start in stride(from: 0, to: new.count, by: source.batchSize) {
          let batch = Array(new[start..<min(start + source.batchSize, new.count)])
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
          pruning: pruning, features, samples, count: options.shownSamples)
      }
    }
    onEvent(.progress(done: done, total: done, samples: 0))
    return evaluation
  }

  /// What each sample's outcome depends on under a condition.
  private func keys(
    _ condition: EvaluationCondition, _ samples: EvaluationSamples,
    _ masks: [MissingSpec: MissingMask], _ dealt: [Int]
  ) -> [OutcomeKey] {
    let mask = condition.missing == .complete ? nil : masks[condition.missing]
    return samples.samples.indices.map { index in
      let source = condition.isShuffled ? dealt[index] : index
      let seesImage = options.inputs.contains(.image) && mask?[index].isImageMissing != true
      let hasText =
        options.task == .classify && options.inputs.contains(.text)
        && samples.samples[index].text != nil && mask?[index].isTextMissing != true
      return OutcomeKey(
        sample: index, picture: seesImage ? samples.picture(of: source) : nil, hasText: hasText)
    }
  }

  /// The rates at which inputs that the task uses are not there.
  private static func rates(_ keys: [OutcomeKey], _ options: EvaluationOptions) -> MissingSpec {
    let count = Double(max(keys.count, 1))
    let image = Double(keys.count { $0.picture == nil }) / count
    let text = Double(keys.count { !$0.hasText }) / count
    // Shares of a count are rates.
    return
      (try? MissingSpec(
        image: options.inputs.contains(.image) ? image : 0,
        text: options.inputs.contains(.text) ? text : 0)) ?? .complete
  }
}
