// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
public import LorikeetDatasets
internal import LorikeetImages
internal import LorikeetProjectors
internal import LorikeetTensors
internal import LorikeetTextDecoders
internal import LorikeetTokenPruning
public import LorikeetVisionLanguage
public import Synchronization

/// How a run ended.
public struct TrainingSummary: Sendable {
  public enum Ending: String, Sendable {
    case allSteps = "all steps done"
    case noGain = "stopped early: the validation loss no longer fell"
    case outOfTime = "stopped: out of time"
    case asked = "stopped on request; --resume continues"
  }
  public var ending: Ending
  public var state: TrainingState
  /// Pictures that could not be read.
  public var skipped: Int
}

/// Trains what a `TrainingSetup` has attached, step by step.
///
/// Everything random in a step depends on the recipe's seed and the number of the step alone, so that
/// a run continued from a checkpoint gives the same bits as one that was never interrupted.
public final class Trainer {
  /// Set from outside (a signal handler) to stop after the present step, with the state saved.
  public static let isStopRequested = Atomic<Bool>(false)

  let recipe: TrainingRecipe
  let pipeline: Pipeline
  let setup: TrainingSetup
  let run: RunDirectory
  let source: String
  let training: TrainingSplit
  let validation: TrainingSplit?
  let work: TrainingStep
  private let schedule: LearningRateSchedule
  let report: (String) -> Void
  private let output: ProgressBar.Output
  /// About how many visual tokens a picture has.
  private let visualTokens: Int
  var state = TrainingState()

  /// Prepares a run: encodes pictures, writes the recipe, or takes up where the last checkpoint
  /// stands.
  ///
  /// - Parameters:
  ///   - source: the model directory, for saving a model that was trained whole.
  ///   - cache: the directory of the cache of features on disk, if the recipe asks for one.
  ///   - report: takes lines for the user.
  ///   - output: where progress is shown.
  public init(
    _ recipe: TrainingRecipe, _ pipeline: Pipeline, _ setup: TrainingSetup, data: Dataset,
    source: String, cache: String, run: RunDirectory, resume: Bool,
    report: @escaping (String) -> Void, output: ProgressBar.Output = .standardError
  ) throws {
    self.recipe = recipe
    self.pipeline = pipeline
    self.setup = setup
    self.run = run
    self.source = source
    self.report = report
    self.output = output
    try resume ? run.requireWritable() : run.requireFree()
    work = TrainingStep(recipe, pipeline, setup.groups)
    schedule = LearningRateSchedule(
      recipe.lrSchedulerType, warmupSteps: recipe.warmupSteps, steps: recipe.maxSteps)
    pipeline.settings.labels = data.labels

    let caches =
      recipe.featureCache != .none && recipe.training(of: .encoder) == .frozen
      && pipeline.pruning?.isDeterministic != false && pipeline.model.vision != nil
    let disk =
      caches && recipe.featureCache == .disk ? try FeatureCache(directory: cache, pipeline) : nil
    func split(_ name: String, views: Int) -> TrainingSplit? {
      TrainingSplit(name, of: data, views: views, recipe, pipeline, cache: disk)
    }
    guard let training = split("train", views: recipe.imageViews) else {
      throw TrainingError.data(path: recipe.data, reason: "no samples in the split train")
    }
    self.training = training
    validation = split("validation", views: 1)
    let splits = [training, validation].compactMap(\.self)
    let first = training.pictures.first()
    visualTokens = first.map { pipeline.expectedVisualTokens($0) } ?? 0
    // What cannot work is said before the pictures are encoded, which may take long.
    let areAlike = (pipeline.processor.imageProcessor as? ImageProcessor)?.givesOneSize == true
    for split in splits {
      try split.examples.requireRoom(visualTokens: areAlike ? visualTokens : 0)
    }
    let features = caches && disk == nil ? splits.reduce(0) { $0 + $1.viewCount } : 0
    try StepMemory(pipeline, setup, recipe, isCached: caches).require(
      // Longer examples are refused when they come up.
      rows: min(
        training.examples.mostRows(visualTokens: visualTokens),
        pipeline.model.decoder.contextLength),
      encoderRows: first.map { pipeline.encoderRows($0) } ?? 0,
      batch: recipe.perDeviceTrainBatchSize,
      features: (features, visualTokens * (pipeline.model.vision?.featureWidth ?? 0) * 4),
      path: source)
    if caches { for split in splits { try split.encode(output, report: report) } }
    if recipe.standardizeFeatures, recipe.training(of: .projector) == .full, caches,
      let projector = pipeline.model.vision?.projector, projector.takesNormalisation
    {
      projector.normalisation = FeatureNormalisation(training.pictures.all)
    }
    if resume { try restore() } else { try run.create(recipe: recipe) }
  }

  /// Runs the steps that are left.
  public func train() throws -> TrainingSummary {
    let resuming = state.step > 0 ? state.step : nil
    let metrics = try MetricsLog(path: run.metrics, resumingFrom: resuming ?? 0)
    let board = try TensorBoardWriter(directory: run.tensorboard, resumingFrom: resuming)
    let usable = try usableSamples()
    var sampler = try BatchSampler(
      count: usable.count, batchSize: recipe.perDeviceTrainBatchSize, seed: recipe.seed,
      options: .init(crossesEpochs: true), position: state.position)
    if resuming == nil { try preview(usable.prefix(2)) }
    let bar = ProgressBar(
      label: "train", total: recipe.maxSteps, done: state.step, output: output)
    var ending = TrainingSummary.Ending.allSteps
    while state.step < recipe.maxSteps {
      let start = ContinuousClock.now
      var batches: [[Int]] = []
      var epoch = 0
      for _ in 0..<recipe.gradientAccumulationSteps {
        let batch = sampler.next()
        epoch = batch.epoch
        batches.append(batch.indices.map { usable[$0] })
      }
      let (loss, norm) = try step(batches)
      let warnings = training.pictures.takeWarnings()
      warnings.forEach(bar.message)
      if !warnings.isEmpty { _ = try usableSamples() }
      state.step += 1
      state.position = sampler.position
      state.seconds += start.duration(to: .now).seconds
      let samples = batches.reduce(0) { $0 + $1.count }
      let rate = recipe.learningRate * schedule.factor(at: state.step - 1)
      try metrics.append(
        step: state.step, split: "train",
        [
          "epoch": .int(epoch), "loss": .double(loss), "grad_norm": .double(norm),
          "learning_rate": .double(rate), "seconds": .double(state.seconds),
          "samples_per_second": .double(Double(samples) / start.duration(to: .now).seconds),
        ])
      try board.add(
        [
          ("train/loss", Float(loss)), ("train/grad_norm", Float(norm)),
          ("train/learning_rate", Float(rate)),
        ], step: state.step)
      bar.update(done: state.step, samples: samples, loss: loss)

      let isLast = state.step == recipe.maxSteps
      let isOver = recipe.maxMinutes.map { state.seconds >= $0 * 60 } ?? false
      let isAsked = Self.isStopRequested.load(ordering: .relaxed)
      if state.step.isMultiple(of: recipe.evalSteps) || isLast || isOver {
        try evaluate(metrics, board, bar)
      }
      let isStale = recipe.earlyStoppingPatience.map { state.evaluationsWithoutGain >= $0 } ?? false
      if state.step.isMultiple(of: recipe.saveSteps) || isLast || isOver || isAsked || isStale {
        try saveCheckpoint()
      }
      if isStale { ending = .noGain }
      if isOver { ending = .outOfTime }
      if isAsked { ending = .asked }
      if isStale || isOver || isAsked { break }
    }
    bar.finish()
    if validation == nil, ending != .asked { try saveResult() }
    let skipped = training.pictures.failures.count + (validation?.pictures.failures.count ?? 0)
    return TrainingSummary(ending: ending, state: state, skipped: skipped)
  }

  /// The samples that can be learnt from.
  ///
  /// - Throws: `TrainingError.data` if there are none.
  private func usableSamples() throws -> [Int] {
    let usable = training.usable
    guard usable.isEmpty else { return usable }
    let unreadable = training.pictures.failures.count
    throw TrainingError.data(
      path: recipe.data,
      reason: unreadable == 0
        ? "no training sample has a text or a label to learn"
        : "no training sample is left to learn from: \(unreadable) have a picture that cannot be read"
    )
  }

  /// One optimiser step over one or more batches.
  ///
  /// - Returns: the mean loss a token, and the norm of the gradient before clipping.
  private func step(_ batches: [[Int]]) throws -> (loss: Double, norm: Double) {
    var random = RandomStream.derive(seed: recipe.seed, label: "step \(state.step)")
    // In the first steps the projector trains alone.
    let isProjectorOnly = state.step < recipe.projectorSteps
    let projector = pipeline.model.module(of: .projector)?.split(separator: ".").last ?? ""
    for (name, parameter) in setup.parameters {
      parameter.isTrainable = !isProjectorOnly || name.contains(".\(projector).")
    }
    let examples = batches.joined().map { training.examples.draw($0, &random) }
    return try work.run(
      rows: examples.map {
        training.examples.expectedRows($0, visualTokens: visualTokens)
      },
      number: state.step + 1, factor: schedule.factor(at: state.step), random: &random
    ) { chosen, tape, random in
      try training.sequences(Array(examples[chosen]), tape: tape, isTraining: true, &random)
    }
  }

  /// Shows what is learned: the words of some samples' labels.
  private func preview(_ samples: ArraySlice<Int>) throws {
    var random = RandomStream.derive(seed: recipe.seed, label: "preview")
    report("training \(setup.count) values in \(setup.parameters.count) tensors; labels look like")
    for sample in samples { report("  " + (try training.preview(sample, &random))) }
  }
}

extension Duration {
  /// In seconds.
  var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
