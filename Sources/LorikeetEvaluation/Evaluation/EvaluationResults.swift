// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// What an evaluation found, as `results.json` holds it.
public struct EvaluationResults: Sendable, Codable {
  public var task: EvaluationTask
  public var model: String
  public var adapter: String?
  public var dataset: String
  public var split: String
  /// The inputs that the task used.
  public var inputs: [String]
  public var seed: UInt64
  public var resamples: Int
  /// How many samples were used, and how many were left out by reason.
  public var samples: Int
  public var skipped: [String: Int]
  public var labels: [String]
  /// The metric by which conditions are compared.
  public var mainMetric: EvaluationMetric
  public var conditions: [ConditionResult]

  enum CodingKeys: String, CodingKey {
    case task, model, adapter, dataset, split, inputs, seed, resamples, samples, skipped, labels
    case mainMetric = "main_metric"
    case conditions
  }

  /// The metrics that were measured, the main one first.
  public var measured: [EvaluationMetric] {
    let found = EvaluationMetric.allCases.filter { metric in
      conditions.contains { $0.metrics[metric] != nil }
    }
    return found.filter { $0 == mainMetric } + found.filter { $0 != mainMetric }
  }

  /// JSON with sorted keys, a value a line.
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }
}

/// The numbers of one condition.
public struct ConditionResult: Sendable, Codable {
  /// A number with its 95 % interval, nil where there is none.
  public struct Estimate: Sendable, Codable, Equatable {
    public var value: Double?
    public var lower: Double?
    public var upper: Double?

    public init(_ interval: Bootstrap.Interval) {
      func finite(_ value: Double) -> Double? { value.isFinite ? value : nil }
      value = finite(interval.estimate)
      lower = finite(interval.lower)
      upper = finite(interval.upper)
    }

    /// A number without an interval.
    public init(_ value: Double?) {
      self.value = value.flatMap { $0.isFinite ? $0 : nil }
    }

    /// The interval with NaN for what is not there.
    public var interval: Bootstrap.Interval {
      Bootstrap.Interval(
        estimate: value ?? .nan, lower: lower ?? .nan, upper: upper ?? .nan)
    }
  }

  /// Shares of samples without an input.
  public struct Rates: Sendable, Codable, Equatable {
    public var image: Double
    public var text: Double
  }

  /// What one sample took, in seconds.
  public struct Seconds: Sendable, Codable, Equatable {
    /// Encoding one picture.
    public var encode: Double?
    /// Measuring the loss of the reference of one sample.
    public var loss: Double?
    /// Answering for one sample, once its picture is encoded.
    public var answer: Double?
    /// A sample from pixels to its answer, or to its loss if no answer was asked for.
    public var sample: Double
  }

  /// Visual tokens of a picture, on average.
  public struct Tokens: Sendable, Codable, Equatable {
    public var kept: Double
    public var total: Double
  }

  /// Right and wrong labels.
  public struct Confusion: Sendable, Codable, Equatable {
    /// `[true, predicted]`, in the order of the results' labels.
    public var counts: [[Int]]
    /// The labels that occur among the true or the predicted ones.
    public var classes: [Class]
  }

  /// The scores of one label.
  public struct Class: Sendable, Codable, Equatable {
    public var label: String
    public var precision: Double
    public var recall: Double
    public var f1: Double
    /// Samples of the label.
    public var support: Int
  }

  public var name: String
  /// The pruning method, nil for none.
  public var pruning: String?
  public var shuffled: Bool
  public var missing: Rates
  public var effective: Rates
  /// The file of the mask, relative to the results.
  public var mask: String?
  public var metrics: [EvaluationMetric: Estimate]
  /// The loss less that of the clean condition under the same pruning, sample by sample.
  public var lossDifference: Estimate?
  /// The share of the main metric under the clean condition that is left; nil for losses.
  public var relativeRobustness: Double?
  public var tokens: Tokens?
  public var seconds: Seconds
  public var samplesPerSecond: Double
  public var confusion: Confusion?

  enum CodingKeys: String, CodingKey {
    case name, pruning, shuffled, missing, effective, mask, metrics
    case lossDifference = "loss_difference"
    case relativeRobustness = "relative_robustness"
    case tokens, seconds
    case samplesPerSecond = "samples_per_second"
    case confusion
  }

  /// The value of a metric; NaN if it was not measured.
  public func value(_ metric: EvaluationMetric) -> Double { metrics[metric]?.value ?? .nan }

  /// The metric with its interval; NaN where there is none.
  public func interval(_ metric: EvaluationMetric) -> Bootstrap.Interval {
    (metrics[metric] ?? Estimate(nil)).interval
  }

  /// Whether nothing was missing or out of place.
  public var isClean: Bool { !shuffled && missing.image == 0 && missing.text == 0 }
}
