// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Round numbers along an axis.
package struct Ticks: Sendable, Equatable {
  /// Multiples of the step from the first at or below the data to the first at or above it.
  package let values: [Double]
  /// The digits after the point that tell them apart.
  package let digits: Int

  package var lower: Double { values.first ?? 0 }
  package var upper: Double { values.last ?? 1 }

  /// Ticks that cover a range, about `count` of them, at steps of 1, 2 or 5 times a power of ten.
  package init(covering range: ClosedRange<Double>, count: Int = 5) {
    var (low, high) = (range.lowerBound, range.upperBound)
    if !(low.isFinite && high.isFinite && abs(low) < 1e100 && abs(high) < 1e100) {
      (low, high) = (0, 1)
    }
    // A range of one value, or one too narrow for its numbers, gets some room.
    if high - low <= max(1e-9 * max(abs(low), abs(high)), 1e-100) {
      let room = abs(low) < 1e-90 ? 0.5 : abs(low) / 2
      (low, high) = (low - room, high + room)
    }
    let rough = (high - low) / Double(max(count, 1))
    let power = pow(10, floor(log10(rough)))
    let step =
      [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? 10 * power
    let first = Int((low / step + 1e-9).rounded(.down))
    let last = Int((high / step - 1e-9).rounded(.up))
    values = (first...max(last, first + 1)).map { Double($0) * step }
    digits = min(max(-Int(floor(log10(step) + 1e-9)), 0), 17)
  }
}
