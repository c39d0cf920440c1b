// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetAutograd
internal import LorikeetCheckpoints
public import LorikeetDatasets
internal import LorikeetImages
internal import LorikeetMissingModality
internal import LorikeetProjectors
internal import LorikeetTensors
internal import LorikeetTextDecoders
internal import LorikeetTokenPruning
internal import LorikeetTokenizers
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
  private let setup: TrainingSetup
  private let run: RunDirectory
  private let source: String
  private let training: Part
  let validation: Part?
  private let work: TrainingStep
  private let schedule: LearningRateSchedule
  private let report: (String) -> Void
  private let output: ProgressBar.Output
  /// About how many visual tokens a picture has.
  private let visualTokens: Int
  var state = TrainingState()

  /// A split with its pictures and examples.
  struct Part {
    let samples: [Sample]
    /// Versions of each picture.
    let views: Int
    let pictures: PictureSource
    let examples: ExampleSource

    var pictureCount: Int { samples.count { $0.imagePath != nil } }
  }

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
    if let prune = recipe.prune { pipeline.pruning = try PruningSpecification(prune) }

    let caches =
      recipe.featureCache != .none && recipe.training(of: .encoder) == .frozen
      && pipeline.pruning?.isDeterministic != false && pipeline.model.vision != nil
    let disk =
      caches && recipe.featureCache == .disk ? try FeatureCache(directory: cache, pipeline) : nil
    func part(_ name: String, views: Int) -> Part? {
      let samples = data.split(name).samples
      guard !samples.isEmpty else { return nil }
      return Part(
        samples: samples, views: views,
        pictures: PictureSource(samples, pipeline, views: views, seed: recipe.seed, cache: disk),
        examples: ExampleSource(samples, recipe, pipeline))
    }
    guard let training = part("train", views: recipe.imageViews) else {
      throw TrainingError.data(path: recipe.data, reason: "no samples in the split train")
    }
    self.training = training
    validation = part("validation", views: 1)
    let parts = [("train", training)] + (validation.map { [("validation", $0)] } ?? [])
    let first = training.pictures.first()
    visualTokens = first.map { pipeline.expectedVisualTokens($0) } ?? 0
    // What cannot work is said before the pictures are encoded, which may take long.
    let areAlike = (pipeline.processor.imageProcessor as? ImageProcessor)?.givesOneSize == true
    for (_, part) in parts {
      try part.examples.requireRoom(visualTokens: areAlike ? visualTokens : 0)
    }
    let features =
      caches && disk == nil ? parts.reduce(0) { $0 + $1.1.views * $1.1.pictureCount } : 0
    try StepMemory(pipeline, setup, recipe, isCached: caches).require(
      // Longer examples are refused when they come up.
      rows: min(
        training.examples.mostRows(visualTokens: visualTokens),
        pipeline.model.decoder.contextLength),
      encoderRows: first.map { pipeline.encoderRows($0) } ?? 0,
      batch: recipe.perDeviceTrainBatchSize,
      features: (features, visualTokens * (pipeline.model.vision?.featureWidth ?? 0) * 4),
      path: source)
    if caches { for (name, part) in parts { try encode(part, name) } }
    if recipe.standardizeFeatures, recipe.training(of: .projector) == .full, caches,
      let projector = pipeline.model.vision?.projector, projector.takesNormalisation
    {
      projector.normalisation = FeatureNormalisation(training.pictures.all)
    }
    if resume {
      run.recover()
      try run.requireSame(recipe)
    }
    if resume, let saved = try run.load() {
      state = saved.state
      for (name, parameter) in setup.parameters {
        guard let tensor = saved.parameters[name], tensor.shape == parameter.shape else {
          throw TrainingError.run(
            path: saved.parameters.source, reason: "\(name) is missing or misshapen")
        }
        parameter.replace(with: Kernels.copy(tensor.tensor()))
      }
      if let name = work.optimizer.restore({ saved.optimizer[$0] }) {
        throw TrainingError.run(path: saved.optimizer.source, reason: "\(name) is misshapen")
      }
      report("resumed at step \(state.step)")
    } else if resume {
      report("no checkpoint yet: starting at step 0")
    } else {
      try run.create(recipe: recipe)
    }
  }

  /// Encodes the pictures of a split, once for all steps.
  private func encode(_ part: Part, _ name: String) throws {
    let bar = ProgressBar(
      label: "encode \(name)", total: part.pictureCount * part.views, output: output)
    try part.pictures.encodeAll(strict: recipe.strict) { bar.update(done: $0) }
    bar.finish()
    for warning in part.pictures.takeWarnings() { report(warning) }
    if !part.pictures.failures.isEmpty {
      report("warning: \(part.pictures.failures.count) of \(part.samples.count) pictures skipped")
    }
  }

  /// Runs the steps that are left.
  public func train() throws -> TrainingSummary {
    let resuming = state.step > 0 ? state.step : nil
    let metrics = try MetricsLog(path: run.metrics, resumingFrom: resuming ?? 0)
    let board = try TensorBoardWriter(directory: run.tensorboard, resumingFrom: resuming)
    let usable = training.samples.indices.filter {
      training.examples.isUsable($0) && isReadable($0)
    }
    guard !usable.isEmpty else {
      throw TrainingError.data(
        path: recipe.data, reason: "no training sample has a text or a label to learn")
    }
    var sampler = try BatchSampler(
      count: usable.count, batchSize: recipe.perDeviceTrainBatchSize, seed: recipe.seed,
      options: .init(crossesEpochs: true), position: state.position)
    if resuming == nil { try preview(usable) }
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
      for warning in training.pictures.takeWarnings() { bar.message(warning) }
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

  private func isReadable(_ sample: Int) -> Bool {
    !training.pictures.failures.contains { $0.sample == sample }
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
      try sequences(
        Array(examples[chosen]), in: training, tape: tape, isTraining: true, &random)
    }
  }

  /// The sequences of some examples, but for those whose picture cannot be read; pictures come from
  /// the cache or through the encoder.
  func sequences(
    _ examples: [TrainingExample], in part: Part, tape: Tape, isTraining: Bool,
    _ random: inout RandomStream
  ) throws -> [TokenSequence] {
    var features: [VisualFeatures?] = examples.map { example in
      example.hasImage ? part.pictures.features(sample: example.sample, view: example.view) : nil
    }
    let rest = examples.indices.filter { examples[$0].hasImage && features[$0] == nil }
    var unreadable: Set<Int> = []
    if !rest.isEmpty, pipeline.model.vision != nil {
      var read: [(index: Int, pixels: PicturePixels)] = []
      for index in rest {
        let example = examples[index]
        if let pixels = try part.pictures.read(
          example.sample, view: example.view, strict: recipe.strict)
        {
          read.append((index, pixels))
        } else {
          unreadable.insert(index)
        }
      }
      let seed = random.next()
      let encoded = try pipeline.model.visualFeatures(
        of: read.map(\.pixels), pruning: pipeline.pruning, tape: tape, isTraining: isTraining,
        seeds: read.indices.map { seed &+ UInt64($0) }, together: read.count)
      for (item, result) in zip(read, encoded) { features[item.index] = result }
    }
    return try examples.indices.filter { !unreadable.contains($0) }.map { index in
      try part.examples.sequence(examples[index], features: features[index])
    }
  }

  /// Shows what is learned: the words of the first labels.
  private func preview(_ usable: [Int]) throws {
    var random = RandomStream.derive(seed: recipe.seed, label: "preview")
    report("training \(setup.count) values in \(setup.parameters.count) tensors; labels look like")
    for sample in usable.prefix(2) {
      let example = training.examples.draw(sample, &random)
      let features = training.pictures.features(sample: sample, view: 0)
      let sequence = try training.examples.sequence(
        example, features: example.hasImage ? features : nil)
      let prompt = sequence.parts.map { part in
        switch part {
        case .tokens(let tokens):
          (try? pipeline.processor.tokenizer.decode(tokens, skipSpecialTokens: false)) ?? ""
        case .image(let features): "[\(features.tokens) visual tokens]"
        case .standIn(let modality): "[\(modality)]"
        }
      }
      let answer =
        (try? pipeline.processor.tokenizer.decode(sequence.answer, skipSpecialTokens: false)) ?? ""
      report("  \(prompt.joined().debugDescription) -> \(answer.debugDescription)")
    }
  }

  /// The last update may have spoiled what the step before it still found in order.
  private func requireFinite() throws(TrainingError) {
    guard setup.parameters.allSatisfy({ Kernels.isFinite($0.parameter.variable.value) }) else {
      throw .diverged(step: state.step)
    }
  }

  /// Writes the adapter, or the model if its own weights train.
  func saveResult() throws {
    try requireFinite()
    if setup.trainsModel {
      try run.replace(run.model) { fresh in
        let write = {
          try ModelWriter.write(self.pipeline.model.index, from: self.source, to: fresh)
        }
        if let projector = pipeline.model.vision?.projector {
          try projector.withFoldedNormalisation(write)
        } else {
          try write()
        }
      }
    }
    try run.replace(run.adapter) { try pipeline.saveAdapter(to: $0) }
  }

  private func saveCheckpoint() throws {
    try requireFinite()
    try run.save(
      state, parameters: setup.parameters.map { ($0.name, $0.parameter.stored) },
      optimizer: work.optimizer.state, limit: recipe.saveTotalLimit)
  }
}

extension Duration {
  /// In seconds.
  var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
