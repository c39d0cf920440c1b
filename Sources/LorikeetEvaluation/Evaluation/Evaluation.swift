// SPDX-License-Identifier: Apache-2.0

public import LorikeetDatasets
internal import LorikeetTensors
internal import LorikeetTokenPruning
internal import LorikeetVisionLanguage

/// The outcomes of all samples under one condition.
public struct ConditionOutcomes: Sendable {
  public let condition: EvaluationCondition
  /// The rates at which inputs that the task uses were not there.
  public let effective: MissingSpec
  /// One a sample, in the order of `Evaluation.samples`.
  public let outcomes: [SampleOutcome]
  /// Visual tokens of the encoded pictures, after pruning and before.
  let tokens: (kept: Int, total: Int)
  /// What the encoder took, in seconds, and for how many pictures.
  let encoding: (seconds: Double, pictures: Int)
}

/// Everything that an evaluation found, sample by sample.
public struct Evaluation: Sendable {
  public let task: EvaluationTask
  public let inputs: EvaluationInputs
  public let seed: UInt64
  public internal(set) var labels: [String] = []
  public internal(set) var generates = true
  public internal(set) var batchSize = 1
  public internal(set) var datasetName = ""
  /// The samples that were used.
  public internal(set) var samples: [Sample] = []
  /// How many samples were left out, by reason.
  public internal(set) var skipped: [String: Int] = [:]
  public internal(set) var masks: [MissingSpec: MissingMask] = [:]
  /// The clean condition first.
  public internal(set) var conditions: [ConditionOutcomes] = []
  /// For a few samples the patches that each pruning method left.
  var patches: [KeptPatches] = []

  /// The patches of a sample's picture that a method left.
  struct KeptPatches: Sendable {
    let sample: Int
    let pruning: String
    let rows: Int
    let columns: Int
    let kept: [Int]
  }

  init(task: EvaluationTask, inputs: EvaluationInputs, seed: UInt64) {
    self.task = task
    self.inputs = inputs
    self.seed = seed
  }

  /// Samples to show, drawn by seed, ascending.
  func shown(_ count: Int) -> [Int] {
    var order = Array(samples.indices)
    var random = RandomStream.derive(seed: seed, label: "gallery")
    random.shuffle(&order)
    return order.prefix(max(count, 0)).sorted()
  }

  /// Notes what a pruning method leaves of the first pictures that are shown.
  mutating func keepPatches(
    pruning: PruningSpecification?, _ features: PictureFeatures, _ samples: EvaluationSamples,
    count: Int
  ) throws {
    guard let pruning else { return }
    for sample in shown(count).prefix(4) {
      guard let picture = samples.picture(of: sample),
        let found = try features.features([picture])[picture], !pruning.mixes(found.grid)
      else { continue }
      patches.append(
        KeptPatches(
          sample: sample, pruning: pruning.description, rows: found.grid.rows,
          columns: found.grid.columns,
          kept: found.patches))
    }
  }
}

extension PruningSpecification {
  /// Whether new tokens are made out of several patches, so that none is left as it was.
  fileprivate func mixes(_ grid: (rows: Int, columns: Int)) -> Bool {
    let significance = Array(repeating: Float(0), count: grid.rows * grid.columns)
    return pruner.prune(
      PruningInput(significance: significance, grid: grid, random: RandomStream(seed: 0))
    ).mixing != nil
  }
}
