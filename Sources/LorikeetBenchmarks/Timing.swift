// SPDX-License-Identifier: Apache-2.0

/// The times of some repetitions of one piece of work, in seconds.
package struct Timing: Sendable {
  /// In the order in which they were taken; not empty.
  package var samples: [Double]
  /// Processors that other processes kept busy meanwhile, on average; nil where it is not known.
  package var otherProcessors: Double?

  package init(samples: [Double], otherProcessors: Double? = nil) {
    precondition(!samples.isEmpty, "Timing: no samples")
    self.samples = samples
    self.otherProcessors = otherProcessors
  }

  package var median: Double { quantile(0.5) }
  package var least: Double { quantile(0) }
  package var most: Double { quantile(1) }

  /// The sample below which a share of them lies, with linear interpolation between neighbours.
  package func quantile(_ share: Double) -> Double {
    let sorted = samples.sorted()
    let place = share * Double(sorted.count - 1)
    let below = Int(place)
    let above = min(below + 1, sorted.count - 1)
    return sorted[below] + (place - Double(below)) * (sorted[above] - sorted[below])
  }

  /// Each sample divided by `count`, where one repetition does the work so many times.
  package func divided(by count: Int) -> Timing {
    Timing(samples: samples.map { $0 / Double(max(count, 1)) }, otherProcessors: otherProcessors)
  }
}

/// How often work is repeated.
package struct Repetitions: Sendable {
  /// Runs that are not measured.
  package var warmUp: Int
  /// Runs that are, at least one.
  package var count: Int

  package init(warmUp: Int = 1, count: Int = 5) {
    self.warmUp = warmUp
    self.count = max(count, 1)
  }

  /// Times a closure.
  package func time(_ body: () throws -> Void) rethrows -> Timing {
    for _ in 0..<warmUp { try body() }
    var samples: [Double] = []
    let load = ProcessorLoad()
    for _ in 0..<count { samples.append(try Self.seconds(body)) }
    return Timing(samples: samples, otherProcessors: load.others())
  }

  /// The time of one call.
  package static func seconds(_ body: () throws -> Void) rethrows -> Double {
    try ContinuousClock().measure(body) / .seconds(1)
  }
}
