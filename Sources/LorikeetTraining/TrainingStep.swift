// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetTensors
public import LorikeetVisionLanguage

/// Sequences whose gradients are computed together, and the tape on which their pictures were
/// encoded.
public struct TrainingBatch {
  public var tape: Tape
  public var sequences: [TokenSequence]

  public init(tape: Tape, sequences: [TokenSequence]) {
    self.tape = tape
    self.sequences = sequences
  }
}

/// One optimiser step: losses and gradients of some batches, clipping, the update.
public final class TrainingStep {
  public let optimizer: AdamW
  private let pipeline: Pipeline
  private let maxGradNorm: Double
  /// Told where the time of the steps goes, if there is one.
  public var profiler: Profiler?

  public init(_ recipe: TrainingRecipe, _ pipeline: Pipeline, _ groups: [ParameterGroup]) {
    self.pipeline = pipeline
    maxGradNorm = recipe.maxGradNorm
    optimizer = AdamW(
      groups, beta1: recipe.adamBeta1, beta2: recipe.adamBeta2,
      epsilon: recipe.adamEpsilon, weightDecay: recipe.weightDecay)
  }

  /// A tape for one batch of a step.
  public func makeTape() -> Tape { Tape(isRecording: true, profiler: profiler) }

  /// Runs a step.
  ///
  /// - Parameters:
  ///   - number: the step's number from 1, for messages.
  ///   - factor: what learning rates are multiplied by.
  /// - Returns: the mean loss a token, and the norm of the gradient before clipping.
  /// - Throws: `TrainingError.diverged` if either is not finite.
  public func run(
    _ batches: [TrainingBatch], number: Int, factor: Double, random: inout RandomStream
  ) throws -> (loss: Double, norm: Double) {
    let tokens = batches.reduce(0) { $0 + $1.sequences.reduce(0) { $0 + $1.answer.count } }
    var total = 0.0
    for batch in batches {
      let tape = batch.tape
      let packed = pipeline.model.pack(
        batch.sequences, missing: pipeline.missing, positions: pipeline.settings.prunedPositions,
        tape: tape, isTraining: true, random: RandomStream(seed: random.next()))
      let (loss, losses) = pipeline.model.loss(
        packed, weight: 1 / Float(max(tokens, 1)), tape: tape, isTraining: true,
        random: RandomStream(seed: random.next()))
      total += losses.reduce(0) { $0 + Double($1) }
      tape.backward(from: loss)
    }
    let norm = optimizer.gradientNorm()
    profiler?.mark("gradientNorm")
    guard total.isFinite, norm.isFinite else { throw TrainingError.diverged(step: number) }
    let scale = maxGradNorm > 0 && norm > maxGradNorm ? maxGradNorm / norm : 1
    optimizer.step(factor: factor, gradientScale: scale)
    profiler?.mark("adamW")
    return (total / Double(max(tokens, 1)), norm)
  }
}
