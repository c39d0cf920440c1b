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
