// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import Testing

@Suite struct InterruptionTests {
  private static let model = Fixtures.directory.deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Models/tiny").path

  /// Many small files, so that there is time to interrupt.
  @Test(arguments: [SIGTERM, SIGINT]) func nothingHalfWrittenStays(signal: Int32) throws {
    try withTemporaryDirectory { directory in
      let process = try begin(in: directory)
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      let left = try files(directory)
      if process.terminationReason == .exit {
        // It was over too soon.
        #expect(process.terminationStatus == 0 && left == ["out"])
      } else {
        #expect(process.terminationStatus == signal && left.isEmpty, "\(left)")
      }
    }
  }

  @Test func whatAKilledProcessLeavesTheNextOneClears() throws {
    try withTemporaryDirectory { directory in
      let killed = try begin(in: directory)
      kill(killed.processIdentifier, SIGKILL)
      killed.waitUntilExit()
      guard killed.terminationReason == .uncaughtSignal else { return }
      #expect(try files(directory).allSatisfy { $0.hasSuffix(".partial") })
      let next = try begin(in: directory)
      next.waitUntilExit()
      #expect(next.terminationStatus == 0)
      #expect(try files(directory) == ["out"])
    }
  }

  /// Begins a conversion, and waits until it writes.
  private func begin(in directory: String) throws -> Process {
    let process = Process()
    process.executableURL = URL(filePath: try Command.path())
    process.arguments = [
      "convert", "--model", Self.model, "--dtype", "float32", "--output", directory + "/out",
      "--max-shard-size", "1",
    ]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    while try files(directory).isEmpty, process.isRunning { usleep(200) }
    return process
  }

  private func files(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory)
  }
}
