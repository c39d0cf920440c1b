// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct AtomicFileTests {
  private func files(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
  }
  private func text(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }

  @Test func aFileIsReplacedWhole() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/weights.bin"
      try AtomicFile.write("old", to: path)
      let file = try AtomicFile(path: path)
      try file.write("new ")
      try file.write([UInt8]("text".utf8))
      try file.write([])
      #expect(try text(path) == "old")
      try file.commit()
      #expect(try text(path) == "new text")
      #expect(try files(directory) == ["weights.bin"])
    }
  }

  @Test func pipesAreNeitherReplacedNorWaitedFor() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/pipe"
      #expect(mkfifo(path, 0o600) == 0)
      #expect(throws: FileError(path: path, reason: "exists and is not a regular file")) {
        try AtomicFile.write("text", to: path)
      }
      #expect(throws: FileError(path: path, reason: "is not a regular file")) {
        try Storage.mapping(path: path)
      }
      let left = try files(directory)
      #expect(left == ["pipe"])
    }
  }

  /// What a process does that is told to end; here in one directory, as other tests write too.
  @Test func whatIsHalfWrittenIsRemovedAtTheEnd() throws {
    try withTemporaryDirectory { directory in
      try AtomicFile.write("whole", to: directory + "/whole")
      let file = try AtomicFile(path: directory + "/half")
      try file.write("half of it")
      let name = try #require(try files(directory).first { $0.hasPrefix(".half") })
      UnfinishedFiles.enter(directory + "/none")
      var left: [String] = []
      UnfinishedFiles.remove(below: directory) { left = (try? files(directory)) ?? [] }
      #expect(left == ["whole"], "\(name)")
      #expect(throws: FileError.self) { try file.commit() }
    }
  }

  @Test func whatKilledProcessesHaveLeftIsCleared() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/model"
      let others = [
        ".model.7", ".model.part1.7.8.partial", ".model.partial", ".model.safetensors.7.8.partial",
      ]
      for name in others + [".model.7.8.partial", "model"] {
        try AtomicFile.write("text", to: directory + "/" + name)
      }
      try FileManager.default.createDirectory(
        atPath: directory + "/.model.\(getpid()).partial/inner", withIntermediateDirectories: true)
      // What is being written stays: nobody else can lock it.
      let file = try AtomicFile(path: path)
      try file.write("new")
      UnfinishedFiles.clear(path)
      #expect(try files(directory).filter { !$0.contains(".\(getpid()).") } == (others + ["model"]))
      #expect(try files(directory).count == 6)
      try file.commit()
      #expect(try text(path) == "new")
      #expect(try files(directory) == (others + ["model"]))
    }
  }

  /// Another process takes it for a leftover before it is locked.
  @Test func whatIsClearedTooEarlyIsBegunAgain() throws {
    try withTemporaryDirectory { directory in
      var made: [String] = []
      let begun = UnfinishedFiles.begin(directory + "/model") { path in
        made.append(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o644)
        if made.count == 1 { UnfinishedFiles.clear(directory + "/model") }
        return descriptor
      }
      #expect(made.count == 2 && begun.path == made[1] && begun.descriptor >= 0)
      let left = try files(directory)
      #expect(left.map { directory + "/" + $0 } == [made[1]])
      close(begun.descriptor)
      UnfinishedFiles.leave(begun.path)
      UnfinishedFiles.clear(directory + "/model")
      #expect(try files(directory).isEmpty)
    }
  }

  @Test func aFileThatIsGivenUpLeavesNothing() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/weights.bin"
      try AtomicFile.write("old", to: path)
      do {
        let file = try AtomicFile(path: path)
        try file.write("half of it")
        #expect(try files(directory).count == 2)
      }
      #expect(try files(directory) == ["weights.bin"])
      #expect(try text(path) == "old")
    }
  }

  @Test func aDirectoryUnderTheNameIsAnErrorAndLeavesNothing() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/taken"
      try FileManager.default.createDirectory(
        atPath: path + "/inner", withIntermediateDirectories: true)
      #expect(throws: FileError.self) { try AtomicFile.write("text", to: path) }
      #expect(try files(directory) == ["taken"])
    }
  }

  @Test func aMissingDirectoryIsNamed() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/nowhere/file"
      let error = #expect(throws: FileError.self) { try AtomicFile.write("text", to: path) }
      #expect(error?.description == "\(path): cannot write: No such file or directory")
    }
  }

  @Test func mappedFilesAreCheckedBeforeTheyAreRead() throws {
    try withTemporaryDirectory { directory in
      let error = #expect(throws: FileError.self) { _ = try Storage.mapping(path: directory) }
      #expect(error?.description == "\(directory): is not a regular file")
      #expect(throws: FileError.self) { _ = try Storage.mapping(path: directory + "/none") }
      try AtomicFile.write("", to: directory + "/empty")
      #expect(try Storage.mapping(path: directory + "/empty").byteCount == 0)
    }
  }
}
