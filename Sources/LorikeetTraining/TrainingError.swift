// SPDX-License-Identifier: Apache-2.0

/// A run that cannot start or go on.
public enum TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
  case recipe(path: String, reason: String)
  case data(path: String, reason: String)
  case run(path: String, reason: String)
  case diverged(step: Int)

  public var description: String {
    switch self {
    case .recipe(let path, let reason), .data(let path, let reason), .run(let path, let reason):
      "\(path): \(reason)"
    case .diverged(let step):
      "training: the loss or a gradient is not finite at step \(step); lower learning_rate, or set "
        + "max_grad_norm"
    }
  }
}
