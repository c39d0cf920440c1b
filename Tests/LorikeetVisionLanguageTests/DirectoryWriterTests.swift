// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import LorikeetVisionLanguage
import Testing

@Suite struct DirectoryWriterTests {
  private func names(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
  }

  @Test func whatFailsIsToldByItsFinalName() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/model"
      func failure(_ fill: (String) throws -> Void) throws -> String {
        let error = #expect(throws: FileError.self) { try DirectoryWriter.write(to: path, fill) }
        #expect(try names(directory).isEmpty)
        return "\(try #require(error))"
      }
      let written = try failure { try AtomicFile.write("x", to: $0 + "/none/file") }
      #expect(written == path + "/none/file: cannot write: No such file or directory")
      let malformed = try failure {
        throw CheckpointError.malformed(path: $0 + "/model.safetensors", reason: "bad: luck")
      }
      #expect(malformed == path + "/model.safetensors: bad: luck")
    }
  }

  /// Also if the killed process had the number of this one, as in containers.
  @Test func whatKilledProcessesHaveLeftGoes() throws {
    try withTemporaryDirectory { directory in
      for process in [ProcessInfo.processInfo.processIdentifier, 999_999_999] {
        let left = directory + "/.model.\(process).partial"
        try FileManager.default.createDirectory(
          atPath: left + "/inner", withIntermediateDirectories: true)
      }
      // Two that write the same leave each other alone; the first to end wins.
      let path = directory + "/model"
      var seen: [[String]] = []
      let error = #expect(throws: (any Error).self) {
        try DirectoryWriter.write(to: path) { first in
          seen = [try names(directory), [URL(filePath: first).lastPathComponent]]
          try DirectoryWriter.write(to: path) { _ in seen.append(try names(directory)) }
          seen.append(try names(directory))
        }
      }
      #expect(seen.map(\.count) == [1, 1, 2, 2] && seen[0] == seen[1], "\(seen)")
      #expect("\(try #require(error))".contains("exists"))
      #expect(try names(directory) == ["model"])
    }
  }

  @Test func anEmptyDirectoryGivesWayOnlyToAWholeOne() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/model"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      struct Other: Error {}
      #expect(throws: Other.self) { try DirectoryWriter.write(to: path) { _ in throw Other() } }
      #expect(try names(directory) == ["model"])
      try DirectoryWriter.write(to: path) { try AtomicFile.write("x", to: $0 + "/file") }
      #expect(try names(directory) == ["model"] && names(path) == ["file"])
      #expect(throws: FileError.self) { try DirectoryWriter.write(to: path) { _ in } }
      #expect(try names(path) == ["file"])
    }
  }
}
