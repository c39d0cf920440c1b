// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// How a report writes numbers.
public enum NumberFormat: Sendable, Equatable {
  /// So many digits after the point.
  case fixed(Int)
  /// A share as a percentage with so many digits after the point.
  case percent(Int)
  /// The fewest digits that tell a number to four places: 12, 0.5, 3.142, 1.2e-05.
  case automatic

  /// The number as text, with a real minus sign; a dash for what is not finite.
  public func string(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    let text =
      switch self {
      case .fixed(let digits): String(format: "%.\(NumberFormat.clamp(digits))f", value)
      case .percent(let digits):
        String(format: "%.\(NumberFormat.clamp(digits))f", 100 * value) + " %"
      case .automatic: String(format: "%.4g", value)
      }
    let isZero = !text.contains { "123456789".contains($0) }
    return isZero ? text.replacing("-", with: "") : text.replacing("-", with: "−")
  }

  private static func clamp(_ digits: Int) -> Int { min(max(digits, 0), 17) }
}
