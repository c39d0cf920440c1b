// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Lorikeet

/// How the command ends when something is thrown.
enum Failure {
  /// The work failed.
  static let workFailed: Int32 = 1
  /// The command was used wrongly.
  static let wrongUsage: Int32 = 2

  /// Prints what there is to say and ends the process.
  ///
  /// Help and versions go to standard output with code 0; wrong usage and failures are one line
  /// `error: ...` on standard error, with code 2 or 1.
  static func exit(_ error: any Error) -> Never {
    if error is StandardOutput.Closed { Foundation.exit(0) }
    let code = LorikeetTool.exitCode(for: error)
    if code == .success {
      try? StandardOutput.line(LorikeetTool.fullMessage(for: error))
      Foundation.exit(0)
    }
    if code == .validationFailure {
      let message = LorikeetTool.message(for: error)
      let text = message.hasSuffix(".") ? String(message.dropLast()) : message
      StandardError.line("error: \(text) (see '\(helpCommand(for: error))')")
      Foundation.exit(wrongUsage)
    }
    if let code = error as? ExitCode { Foundation.exit(code.rawValue) }
    StandardError.line("error: \(withoutControls(describe(error)))")
    Foundation.exit(workFailed)
  }

  /// The project's errors describe themselves; those of Foundation are told as `FILE: reason`.
  private static func describe(_ error: any Error) -> String {
    guard let error = error as? CocoaError else { return "\(error)" }
    let reason = (error.underlying as? POSIXError).map {
      String(cString: strerror($0.code.rawValue))
    }
    return [error.filePath, reason ?? error.localizedDescription].compactMap { $0 }
      .joined(separator: ": ")
  }

  /// A text on one line: what a file holds may break it, or speak to the terminal.
  private static func withoutControls(_ text: String) -> String {
    text.unicodeScalars.map {
      $0.properties.generalCategory == .control ? $0.escaped(asASCII: true) : String($0)
    }.joined()
  }

  /// The command that prints help on what was used wrongly, taken from the parser's full message,
  /// whose last line names it in quotes.
  private static func helpCommand(for error: any Error) -> String {
    let last = LorikeetTool.fullMessage(for: error).split(separator: "\n").last ?? ""
    let quoted = last.split(separator: "'", omittingEmptySubsequences: false)
    return quoted.count == 3 && quoted[1].hasSuffix("--help")
      ? String(quoted[1]) : "lorikeet --help"
  }
}

/// The system has no room for a tensor.
struct ExhaustedMemory: Error, CustomStringConvertible {
  let bytes: Int

  var description: String { "memory: there is no room for a tensor of \(bytes) bytes" }
}
