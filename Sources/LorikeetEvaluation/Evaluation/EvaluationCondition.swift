// SPDX-License-Identifier: Apache-2.0

public import LorikeetDatasets

/// One setting under which all samples are gone through.
public struct EvaluationCondition: Sendable, Hashable {
  /// The pruning method, nil for none.
  public var pruning: String?
  public var missing: MissingSpec
  /// Whether the pictures are dealt out anew.
  public var isShuffled: Bool

  public init(pruning: String?, missing: MissingSpec = .complete, isShuffled: Bool = false) {
    self.pruning = pruning
    self.missing = missing
    self.isShuffled = isShuffled
  }

  /// Whether nothing is missing or out of place.
  public var isClean: Bool { missing == .complete && !isShuffled }

  /// `clean`, `shuffled` or the rates, without the pruning method.
  public var inputName: String {
    if isShuffled { return "shuffled" }
    if missing == .complete { return "clean" }
    let rates = [("image", missing.image), ("text", missing.text)].filter { $0.1 > 0 }
    return "missing " + rates.map { "\($0.0)=\($0.1)" }.joined(separator: ",")
  }

  /// The name in tables and files.
  public var name: String { pruning.map { "\(inputName), \($0)" } ?? inputName }

  /// The whole grid: for each pruning method the clean condition, the shuffled one, and each set of
  /// rates, every condition once.
  static func grid(_ options: EvaluationOptions, pruning own: String?) -> [EvaluationCondition] {
    var conditions: [EvaluationCondition] = []
    for pruning in options.prunings.isEmpty ? [own] : options.prunings {
      var row = [EvaluationCondition(pruning: pruning)]
      if options.shufflesImages {
        row.append(EvaluationCondition(pruning: pruning, isShuffled: true))
      }
      row += options.missing.map { EvaluationCondition(pruning: pruning, missing: $0) }
      for condition in row where !conditions.contains(condition) { conditions.append(condition) }
    }
    return conditions
  }
}
