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
    if let threads = common.threads {
      ThreadPool.configure(threads: threads)
    } else if let text = ProcessInfo.processInfo.environment["LORIKEET_THREADS"], !text.isEmpty {
      guard let threads = Int(text), (1...1024).contains(threads) else {
        throw ValidationError("LORIKEET_THREADS is \(text), expected 1 to 1024")
      }
    }
    if Self.computes, MatrixProductEngine.instructionSet == "portable" {
      note("note: without AVX2 or NEON, computing takes several times as long")
    }
    try work()
  }

  /// Prints a note on standard error unless asked to be quiet.
  func note(_ text: String) {
    if !common.quiet { StandardError.line(text) }
  }
}
