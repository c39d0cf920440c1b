// SPDX-License-Identifier: Apache-2.0

internal import LorikeetDatasets

/// Which sample gets which inputs under each condition, drawn by seed.
struct Plan {
  let masks: [MissingSpec: MissingMask]
  /// How many different answers all conditions need.
  let answers: Int
  private let samples: EvaluationSamples
  private let options: EvaluationOptions
  /// For each sample the one whose picture it gets when pictures are shuffled.
  private let dealt: [Int]

  init(
    _ samples: EvaluationSamples, _ conditions: [EvaluationCondition], _ options: EvaluationOptions
  ) throws {
    self.samples = samples
    self.options = options
    var masks: [MissingSpec: MissingMask] = [:]
    for spec in conditions.map(\.missing) where spec != .complete {
      masks[spec] = try MissingMask(
        count: samples.samples.count, spec: spec, seed: options.seed)
    }
    self.masks = masks
    dealt = PictureShuffle.deal(
      samples.samples.indices.map { samples.picture(of: $0) }, seed: options.seed)
    var different: [String?: Set<OutcomeKey>] = [:]
    for condition in conditions {
      let keys = Self.keys(condition, samples, options, masks, dealt)
      different[condition.pruning, default: []].formUnion(keys)
    }
    answers = different.values.reduce(0) { $0 + $1.count }
  }

  /// What the outcome of each sample depends on under a condition.
  func keys(_ condition: EvaluationCondition) -> [OutcomeKey] {
    Self.keys(condition, samples, options, masks, dealt)
  }

  /// The rates at which inputs that the task uses are not there: those of the mask, and what the
  /// samples lack by themselves.
  func rates(_ condition: EvaluationCondition) -> MissingSpec {
    let keys = keys(condition)
    let count = Double(max(keys.count, 1))
    let image = Double(keys.count { $0.picture == nil }) / count
    let text = Double(keys.count { !$0.hasText }) / count
    // Shares of a count are rates, so this does not throw.
    return
      (try? MissingSpec(
        image: options.inputs.contains(.image) ? image : 0,
        text: options.inputs.contains(.text) ? text : 0)) ?? .complete
  }

  private static func keys(
    _ condition: EvaluationCondition, _ samples: EvaluationSamples, _ options: EvaluationOptions,
    _ masks: [MissingSpec: MissingMask], _ dealt: [Int]
  ) -> [OutcomeKey] {
    let mask = masks[condition.missing]
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
}
