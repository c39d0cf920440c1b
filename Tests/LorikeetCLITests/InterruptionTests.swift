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
      func files() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory)
      }
      while try files().isEmpty, process.isRunning { usleep(200) }
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      let left = try files()
      if process.terminationReason == .exit {
        // It was over too soon.
        #expect(process.terminationStatus == 0 && left == ["out"])
      } else {
        #expect(process.terminationStatus == signal && left.isEmpty, "\(left)")
      }
    }
  }
}
