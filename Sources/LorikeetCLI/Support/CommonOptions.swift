// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Lorikeet

/// Options that every command has.
struct CommonOptions: ParsableArguments {
  @Option(
    help: .init("Threads to compute with (default: one for each processor).", valueName: "n"))
  var threads: Int?

  @Flag(help: "Print no progress and no notes, only results and errors.")
  var quiet = false

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads is \(threads), expected 1 to 1024")
    }
  }
}

/// A command that does work.
protocol WorkingCommand: ParsableCommand {
  var common: CommonOptions { get }
  /// Whether the command runs a model, so that the processor matters.
  static var computes: Bool { get }
  /// Does the work. Errors are printed as `error: ...`, their description on one line.
  func work() throws
}

extension WorkingCommand {
  static var computes: Bool { true }

  func run() throws {
    try checkEnvironment()
    if let threads = common.threads { ThreadPool.configure(threads: threads) }
    if Self.computes, MatrixProductEngine.instructionSet == "portable" {
      note("note: without AVX2 or NEON, computing takes several times as long")
    }
    try work()
  }

  /// - Throws: `ValidationError` for a variable that asks for what there is not.
  private func checkEnvironment() throws {
    func value(_ name: String) -> String? {
      ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }
    if common.threads == nil, let text = value("LORIKEET_THREADS") {
      guard let threads = Int(text), (1...1024).contains(threads) else {
        throw ValidationError("LORIKEET_THREADS is \(text), expected 1 to 1024")
      }
    }
    if let name = value("LORIKEET_ISA"), name != MatrixProductEngine.instructionSet {
      throw ValidationError(
        "LORIKEET_ISA is \(name), expected avx512, avx2, neon or portable, as this processor has it"
      )
    }
    if let name = value("LORIKEET_GEMM"), MatrixProductEngine(rawValue: name) == nil {
      throw ValidationError("LORIKEET_GEMM is \(name), expected own or openblas")
    }
  }

  /// Prints a note on standard error unless asked to be quiet.
  func note(_ text: String) {
    if !common.quiet { StandardError.line(text) }
  }
}
