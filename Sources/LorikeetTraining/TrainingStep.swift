// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetTensors
public import LorikeetVisionLanguage

/// One optimiser step: losses and gradients of some batches, clipping, the update.
public final class TrainingStep {
  public let optimizer: AdamW
  private let pipeline: Pipeline
  private let maxGradNorm: Double
  private let recomputesBlocks: Bool
  /// Told where the time of the steps goes, if there is one.
  public var profiler: Profiler?

  public init(_ recipe: TrainingRecipe, _ pipeline: Pipeline, _ groups: [ParameterGroup]) {
    self.pipeline = pipeline
    maxGradNorm = recipe.maxGradNorm
    recomputesBlocks = recipe.gradientCheckpointing
    optimizer = AdamW(
      groups, beta1: recipe.adamBeta1, beta2: recipe.adamBeta2,
      epsilon: recipe.adamEpsilon, weightDecay: recipe.weightDecay)
  }

  /// Rows that go through the decoder together: enough for products to run at full speed, few enough
  /// for their activations to be small.
  private static let rowsTogether = 576

  /// Runs a step. Samples go through the model a few at a time, and their gradients are added up.
  ///
  /// - Parameters:
  ///   - rows: about how many rows each sample has in the decoder.
  ///   - number: the step's number from 1, for messages.
  ///   - factor: what learning rates are multiplied by.
  ///   - makeSequences: encodes some samples with the tape; those that cannot be used are left out.
  /// - Returns: the mean loss a token, and the norm of the gradient before clipping.
  /// - Throws: `TrainingError.diverged` if either is not finite.
  public func run(
    rows: [Int], number: Int, factor: Double, random: inout RandomStream,
    makeSequences: (Range<Int>, Tape, inout RandomStream) throws -> [TokenSequence]
  ) throws -> (loss: Double, norm: Double) {
    var total = 0.0
    var tokens = 0
    for samples in Self.groups(rows) {
      let tape = Tape(
        isRecording: true, recomputesBlocks: recomputesBlocks, profiler: profiler)
      let sequences = try makeSequences(samples, tape, &random)
      guard !sequences.isEmpty else { continue }
      let packed = pipeline.model.pack(
        sequences, missing: pipeline.missing, positions: pipeline.settings.prunedPositions,
        tape: tape, isTraining: true, random: RandomStream(seed: random.next()))
      let (loss, losses) = pipeline.model.loss(
        packed, weight: 1, tape: tape, isTraining: true,
        random: RandomStream(seed: random.next()))
      total += losses.reduce(0) { $0 + Double($1) }
      tokens += losses.count
      tape.backward(from: loss)
    }
    // Gradients are of the sum over tokens so far.
    let mean = 1 / Double(max(tokens, 1))
    let norm = optimizer.gradientNorm() * mean
    profiler?.mark("gradientNorm")
    guard total.isFinite, norm.isFinite else { throw TrainingError.diverged(step: number) }
    let clipping = maxGradNorm > 0 && norm > maxGradNorm ? maxGradNorm / norm : 1
    optimizer.step(factor: factor, gradientScale: clipping * mean)
    profiler?.mark("adamW")
    return (total * mean, norm)
  }

  /// Samples in a row, cut into groups of about equal numbers of rows, `rowsTogether` or so.
  package static func groups(_ rows: [Int]) -> [Range<Int>] {
    let total = rows.reduce(0, +)
    let count = max(1, Int((Double(total) / Double(rowsTogether)).rounded()))
    var groups: [Range<Int>] = []
    var (start, sum, mark) = (0, 0, 1)
    for (index, one) in rows.enumerated() {
      sum += one
      // The group ends with the sample that reaches the next mark, total / count further on.
      guard sum * count >= total * mark || index == rows.count - 1 else { continue }
      groups.append(start..<index + 1)
      start = index + 1
      mark = sum * count / max(total, 1) + 1
    }
    return groups
  }
}
