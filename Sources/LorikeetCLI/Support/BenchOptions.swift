// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Lorikeet
import LorikeetBenchmarks

extension DecoderShape: ExpressibleByArgument {}
extension TrainSweep: ExpressibleByArgument {}

/// Options that every benchmark has.
struct BenchOptions: ParsableArguments {
  @Option(help: "Runs that are measured.")
  var repetitions = 5

  @Option(help: "Runs before them that are not.")
  var warmUp = 2

  @Flag(help: "Print one JSON object for each measurement.")
  var json = false

  func validate() throws {
    guard (1...100_000).contains(repetitions) else {
      throw ValidationError("--repetitions is \(repetitions), expected 1 to 100000")
    }
    guard (0...100_000).contains(warmUp) else {
      throw ValidationError("--warm-up is \(warmUp), expected 0 to 100000")
    }
  }

  var counts: Repetitions { Repetitions(warmUp: warmUp, count: repetitions) }

  /// Throws unless an option's value lies in a range.
  static func require(_ value: Int, in range: ClosedRange<Int>, _ name: String) throws {
    guard range.contains(value) else {
      throw ValidationError(
        "--\(name) is \(value), expected \(range.lowerBound) to \(range.upperBound)")
    }
  }
}

/// Which model is measured.
struct BenchModelOptions: ParsableArguments {
  @Option(
    help: "The model: a directory, or a name that was pulled (default: random weights).",
    completion: .directory)
  var model: String?

  @Option(help: "The decoder whose sizes the random weights have (default: smollm2-135m).")
  var decoderShape: DecoderShape?

  @Option(help: "The number of the random decoder's layers.")
  var layers: Int?

  @Option(help: "Keep the model's weights in this type (default: as they are stored).")
  var baseDtype: BaseType?

  func validate() throws {
    if decoderShape != nil, model != nil {
      throw ValidationError("--decoder-shape is for random weights, without --model")
    }
    if let layers {
      try BenchOptions.require(layers, in: 1...1000, "layers")
      if model != nil { throw ValidationError("--layers is for random weights, without --model") }
    }
  }

  func source() throws -> BenchmarkModel {
    let source: BenchmarkModel.Source =
      if let model {
        .directory(try ModelSource.directory(model))
      } else {
        .random(decoderShape ?? .smolLM2Small, layers: layers)
      }
    return BenchmarkModel(source, baseType: baseDtype)
  }
}

/// Prints measurements as they come: lines of JSON, or rows of a table.
struct BenchPrinter {
  let json: Bool
  let limits: MachineLimits

  /// Measures the machine and prints what it can do.
  init(json: Bool) throws {
    self.json = json
    limits = MachineLimits.measure()
    guard !json else {
      try StandardOutput.line(limits.line)
      return
    }
    try StandardOutput.line(
      "\(limits.processor), \(limits.instructionSet), \(limits.threads) threads: "
        + String(
          format: "FMA %.0f GFLOP/s (one thread %.0f), memory read %.1f GB/s (one thread %.1f)",
          limits.operations / 1e9, limits.operationsOneThread / 1e9, limits.bandwidth / 1e9,
          limits.bandwidthOneThread / 1e9))
  }

  /// Prints some measurements under one heading.
  func print(_ measurements: [MeasuredWork], label: (MeasuredWork) -> String = \.name) throws {
    if json {
      for measurement in measurements { try StandardOutput.line(measurement.line(limits)) }
      return
    }
    let columns = measurements.map { cells($0, label: label($0)) }
    var heads: [String] = []
    for row in columns {
      for cell in row where !heads.contains(cell.head) { heads.append(cell.head) }
    }
    let rows = columns.map { row in
      heads.map { head in row.first { $0.head == head }?.text ?? "" }
    }
    for line in TextTable.lines([heads] + rows) { try StandardOutput.line(line) }
  }

  private func cells(_ m: MeasuredWork, label: String) -> [(head: String, text: String)] {
    var cells = [
      ("", label), ("median", Self.time(m.timing.median)),
      ("min", Self.time(m.timing.least)), ("max", Self.time(m.timing.most)),
    ]
    if let operations = m.operations {
      let rate = operations / m.timing.median
      cells.append(("GFLOP/s", Self.number(rate / 1e9)))
      cells.append(("of FMA", Self.share(rate / limits.operations)))
    }
    if let bytes = m.bytes {
      let rate = bytes / m.timing.median
      cells.append(("GB/s", Self.number(rate / 1e9)))
      cells.append(("of read", Self.share(rate / limits.bandwidth)))
    }
    for (name, value) in m.numbers where !name.hasSuffix("_seconds") {
      cells.append(
        (name.replacing("_per_second", with: "/s").replacing("_", with: " "), Self.number(value)))
    }
    if let peak = m.peakMemory {
      cells.append(("peak MiB", String(Int((Double(peak) / 0x1p20).rounded()))))
    }
    if let others = m.timing.otherProcessors {
      cells.append(("other", String(format: "%.2f", others)))
    }
    return cells
  }

  static func number(_ value: Double) -> String {
    String(format: abs(value) < 10 ? "%.2f" : abs(value) < 1000 ? "%.1f" : "%.0f", value)
  }

  static func share(_ value: Double) -> String { String(format: "%.0f%%", 100 * value) }

  static func time(_ seconds: Double) -> String {
    switch seconds {
    case ..<1e-3: String(format: "%.1f us", seconds * 1e6)
    case ..<1: String(format: "%.2f ms", seconds * 1e3)
    default: String(format: "%.3f s", seconds)
    }
  }
}
