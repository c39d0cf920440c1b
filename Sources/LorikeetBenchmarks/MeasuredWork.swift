// SPDX-License-Identifier: Apache-2.0

package import LorikeetTensors

/// One measured piece of work.
package struct MeasuredWork: Sendable {
  /// The benchmark, as the command names it.
  package var work: String
  /// What of it was measured.
  package var name: String
  /// What it was measured with.
  package var settings: JSONLine
  package var timing: Timing
  /// Floating-point operations of one repetition.
  package var operations: Double?
  /// Bytes that one repetition has to read from memory.
  package var bytes: Double?
  /// Bytes a second that could be read in order just before and after; nil where the machine's limit,
  /// measured once, has to do. The speed of a shared machine's memory does not stay the same.
  package var bandwidth: Double?
  /// Other numbers, such as tokens a second.
  package var numbers: [(name: String, value: Double)] = []
  /// The most bytes that were resident.
  package var peakMemory: Int?

  package init(
    work: String, name: String, settings: JSONLine = [:], timing: Timing, operations: Double? = nil,
    bytes: Double? = nil, bandwidth: Double? = nil, numbers: [(name: String, value: Double)] = [],
    peakMemory: Int? = nil
  ) {
    self.work = work
    self.name = name
    self.settings = settings
    self.timing = timing
    self.operations = operations
    self.bytes = bytes
    self.bandwidth = bandwidth
    self.numbers = numbers
    self.peakMemory = peakMemory
  }

  /// The measurement as a line of JSON.
  ///
  /// Always there: `work`, `name`, `repetitions`, `seconds` (the median) with `seconds_min`,
  /// `seconds_q1`, `seconds_q3`, `seconds_max`, and `other_processors`. Where they mean something:
  /// `gflop`, `gflops`, `fma_share`; `read_bytes`, `gb_per_second`, `memory_share`, `read_gb_per_second`;
  /// `peak_bytes`.
  /// Settings and other numbers stand under names of their own.
  package func line(_ limits: MachineLimits) -> JSONLine {
    var line: JSONLine = ["work": .string(work), "name": .string(name)]
    line.pairs += settings.pairs
    line.append("repetitions", .int(timing.samples.count))
    line.append("seconds", .double(timing.median))
    line.append("seconds_min", .double(timing.least))
    line.append("seconds_q1", .double(timing.quantile(0.25)))
    line.append("seconds_q3", .double(timing.quantile(0.75)))
    line.append("seconds_max", .double(timing.most))
    line.append("other_processors", timing.otherProcessors.map { .double($0) } ?? .null)
    if let operations {
      let rate = operations / timing.median
      line.append("gflop", .double(operations / 1e9))
      line.append("gflops", .double(rate / 1e9))
      line.append("fma_share", .double(rate / limits.operations))
    }
    if let bytes {
      let rate = bytes / timing.median
      line.append("read_bytes", .double(bytes))
      line.append("gb_per_second", .double(rate / 1e9))
      line.append("memory_share", .double(rate / (bandwidth ?? limits.bandwidth)))
      if let bandwidth { line.append("read_gb_per_second", .double(bandwidth / 1e9)) }
    }
    for (name, value) in numbers { line.append(name, .double(value)) }
    if let peakMemory { line.append("peak_bytes", .int(peakMemory)) }
    return line
  }
}
