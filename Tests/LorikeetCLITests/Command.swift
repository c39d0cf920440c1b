// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import Testing

/// What a run of the command left behind.
struct Finished {
  let status: Int32
  /// Standard output.
  let output: String
  /// Standard error.
  let errors: String

  /// The lines of standard error.
  var errorLines: [String] { errors.split(separator: "\n").map(String.init) }
}

/// The binary under test, which lies where the test's own binary does.
enum Command {
  struct NotFound: Error, CustomStringConvertible {
    let description: String
  }

  static func path() throws -> String {
    let own = [Bundle.main.executableURL, CommandLine.arguments.first.map { URL(filePath: $0) }]
    // Beside a Linux test binary; three levels up from the binary in a bundle.
    let directories = own.compactMap { $0 }.flatMap { url in
      sequence(first: url) { $0.deletingLastPathComponent() }.prefix(5).dropFirst()
    }
    let candidates = directories.map { $0.appending(path: "lorikeet").path }
    guard
      let found = candidates.first(where: {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: $0, isDirectory: &isDirectory)
          && !isDirectory.boolValue
      })
    else { throw NotFound(description: "no binary at \(candidates)") }
    return found
  }

  /// Runs `lorikeet` and waits for its end.
  ///
  /// - Parameters:
  ///   - output: a file for standard output to be written to instead.
  ///   - environment: variables beside those of the test.
  ///   - addressSpace: the most bytes that the process may take, mapped files among them.
  static func run(
    _ arguments: [String], output: String? = nil, environment: [String: String] = [:],
    addressSpace: Int? = nil
  ) throws -> Finished {
    try withTemporaryDirectory { directory in
      let process = Process()
      process.executableURL = URL(filePath: try path())
      process.arguments = arguments
      if let addressSpace {
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments =
          ["-c", "ulimit -v \(addressSpace >> 10) && exec \"$0\" \"$@\"", try path()] + arguments
      }
      process.standardInput = FileHandle.nullDevice
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
      let streams = try ["output", "errors"].map { name in
        let path = directory + "/" + name
        try Data().write(to: URL(filePath: path))
        return try FileHandle(forWritingTo: URL(filePath: path))
      }
      process.standardOutput =
        try output.map { try FileHandle(forWritingTo: URL(filePath: $0)) }
        ?? streams[0]
      process.standardError = streams[1]
      try process.run()
      process.waitUntilExit()
      func read(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: directory + "/" + name)), as: UTF8.self)
      }
      #expect(process.terminationReason == .exit, "killed by signal \(process.terminationStatus)")
      return Finished(
        status: process.terminationStatus, output: try read("output"), errors: try read("errors"))
    }
  }

  static func run(_ arguments: String...) throws -> Finished { try run(arguments) }
}

/// Expects that the work failed as it should: code 1, nothing on standard output, one line on standard
/// error that names the file and the cause.
func expectFailure(
  _ arguments: [String], naming file: String, _ cause: String, addressSpace: Int? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let run = try Command.run(arguments, addressSpace: addressSpace)
  #expect(run.status == 1, sourceLocation: sourceLocation)
  #expect(run.output == "", sourceLocation: sourceLocation)
  #expect(run.errorLines.count == 1, "\(run.errors)", sourceLocation: sourceLocation)
  #expect(
    run.errors.hasPrefix("error: ") && run.errors.contains(file) && run.errors.contains(cause),
    "\(run.errors) does not name \(file) and say \"\(cause)\"", sourceLocation: sourceLocation)
}
