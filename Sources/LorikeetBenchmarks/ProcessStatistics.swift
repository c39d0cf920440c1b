// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

/// The memory that the process has resident, its mapped weights among it, as Linux counts it.
package enum PeakMemory {
  /// Lets the peak begin anew, at what is resident now, where the system allows that.
  package static func reset() {
    guard let file = FileHandle(forWritingAtPath: "/proc/self/clear_refs") else { return }
    try? file.write(contentsOf: Data("5".utf8))
    try? file.close()
  }

  /// The most bytes that were resident since the last reset; nil where it is not known.
  package static var bytes: Int? {
    guard let text = SystemFile.read("/proc/self/status") else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    let number = line?.split(separator: " ", omittingEmptySubsequences: true).dropFirst().first
    return number.flatMap { Int($0) }.map { $0 * 1024 }
  }
}

/// What the processors were busy with since some moment, as Linux counts it.
struct ProcessorLoad {
  private let start = ContinuousClock.now
  private let busy = Self.busySeconds()
  private let own = Self.ownSeconds()

  /// Processors that other processes, and other guests of the machine, kept busy since then.
  func others() -> Double? {
    guard let before = busy, let after = Self.busySeconds() else { return nil }
    let passed = start.duration(to: .now) / .seconds(1)
    // The system counts in hundredths of a second; less than some of them says nothing.
    guard passed > 0.2 else { return nil }
    return max(0, (after - before - (Self.ownSeconds() - own)) / passed)
  }

  private static func busySeconds() -> Double? {
    guard let text = SystemFile.read("/proc/stat"), let line = text.split(separator: "\n").first
    else { return nil }
    // user nice system idle iowait irq softirq steal
    let numbers = line.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0) }
    guard numbers.count == 8 else { return nil }
    return (numbers.reduce(0, +) - numbers[3] - numbers[4]) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  private static func ownSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
