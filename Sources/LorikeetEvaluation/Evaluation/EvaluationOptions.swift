// SPDX-License-Identifier: Apache-2.0

public import LorikeetDatasets
internal import LorikeetTokenPruning

/// What is asked of the model.
public enum EvaluationTask: String, Sendable, Codable, CaseIterable {
  /// The text of a sample from its picture.
  case caption
  /// The label of a sample from its picture and its text.
  case classify
}

/// The inputs that a task may use.
public struct EvaluationInputs: OptionSet, Sendable, Hashable, Codable {
  public let rawValue: Int
  public init(rawValue: Int) { self.rawValue = rawValue }

  public static let image = EvaluationInputs(rawValue: 1)
  public static let text = EvaluationInputs(rawValue: 2)

  /// The inputs by name.
  public var names: [String] {
    (contains(.image) ? ["image"] : []) + (contains(.text) ? ["text"] : [])
  }
}

/// How an evaluation is made.
public struct EvaluationOptions: Sendable {
  public var task: EvaluationTask
  /// What the task may use; what it may not is treated as missing from every sample. For captions
  /// the picture is the only input.
  public var inputs: EvaluationInputs
  /// Rates of missing inputs, beside the clean condition.
  public var missing: [MissingSpec] = []
  /// Pruning methods, nil for none; the pipeline's own alone if empty.
  public var prunings: [String?] = []
  /// Adds a control in which the pictures are dealt out among the samples anew.
  public var shufflesImages = false
  /// Whether captions are written, not only their loss measured.
  public var generates = true
  /// Tokens of a caption at the most.
  public var maxTokens = 48
  /// Labels to choose from; those of the pipeline's settings, else of the set, if empty.
  public var labels: [String] = []
  /// Samples that go through the decoder together when captions are written or measured.
  public var batchSize = 16
  public var seed: UInt64 = 0
  /// Draws for each interval of confidence.
  public var resamples = 1000
  /// Whether a picture that cannot be read ends the evaluation instead of leaving its sample out.
  public var isStrict = false
  /// Samples that the report shows.
  public var shownSamples = 12
  /// What the features of pictures that are kept may take up, in bytes; beyond it pictures are
  /// encoded again when they are needed.
  public var featureBytes = 2 << 30

  public init(task: EvaluationTask) {
    self.task = task
    inputs = task == .caption ? [.image] : [.image, .text]
  }

  /// - Throws: `EvaluationError.option` for what contradicts itself, `PruningError` for a pruning
  ///   method that does not exist.
  public func validate() throws {
    if task == .caption, inputs != .image {
      throw EvaluationError.option(name: "inputs", reason: "captions are made from image alone")
    }
    guard !inputs.isEmpty else {
      throw EvaluationError.option(name: "inputs", reason: "the task needs image, text or both")
    }
    if shufflesImages, !inputs.contains(.image) {
      throw EvaluationError.option(
        name: "shuffle-images", reason: "the task does not look at pictures")
    }
    for spec in missing {
      for (name, rate, input) in [
        ("image", spec.image, EvaluationInputs.image), ("text", spec.text, .text),
      ] where rate > 0 && !inputs.contains(input) {
        throw EvaluationError.option(
          name: "missing \(spec)", reason: "the task does not use \(name), so it cannot go missing")
      }
    }
    for pruning in prunings { if let pruning { _ = try PruningSpecification(pruning) } }
    guard batchSize > 0, maxTokens > 0, resamples >= 0 else {
      throw EvaluationError.option(name: "batch size or tokens", reason: "expected 1 or more")
    }
  }
}
