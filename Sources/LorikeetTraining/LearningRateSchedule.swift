// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The learning rate over the steps of a run, as a factor of its peak.
public struct LearningRateSchedule: Sendable, Equatable {
  /// Names as in Hugging Face's trainer.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    case constant
    case linear
    case cosine
  }
  public let kind: Kind
  public let warmupSteps: Int
  public let steps: Int

  public init(_ kind: Kind, warmupSteps: Int, steps: Int) {
    self.kind = kind
    self.warmupSteps = warmupSteps
    self.steps = steps
  }

  /// The factor at a step, counted from 0: linear warm-up, then constant, linear decay to 0 or half a
  /// cosine to 0 (Loshchilov and Hutter, "SGDR", 2017, eq. 5).
  public func factor(at step: Int) -> Double {
    if step < warmupSteps { return Double(step + 1) / Double(warmupSteps) }
    let progress = min(1, Double(step - warmupSteps) / Double(max(1, steps - warmupSteps)))
    return switch kind {
    case .constant: 1
    case .linear: 1 - progress
    case .cosine: 0.5 * (1 + cos(Double.pi * progress))
    }
  }
}
