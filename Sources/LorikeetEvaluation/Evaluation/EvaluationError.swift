// SPDX-License-Identifier: Apache-2.0

/// Why an evaluation cannot be made.
public enum EvaluationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// No sample of the set can serve the task; `reason` says what was missing.
  case noSamples(dataset: String, reason: String)
  /// An option that does not fit the task or the model.
  case option(name: String, reason: String)
  /// A report directory that holds something else.
  case reportDirectory(path: String)

  public var description: String {
    switch self {
    case .noSamples(let dataset, let reason): "\(dataset): no sample can be used: \(reason)"
    case .option(let name, let reason): "\(name): \(reason)"
    case .reportDirectory(let path):
      "\(path): holds something else than a report of an evaluation; expected an empty or a new "
        + "directory"
    }
  }
}
