// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTraining
import Testing

/// A directory that goes with the test.
private final class Folder {
  let path = FileManager.default.temporaryDirectory
    .appending(path: "lorikeet-logging-\(UUID().uuidString)").path

  init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func text(_ name: String) throws -> String {
    try String(contentsOfFile: path + "/" + name, encoding: .utf8)
  }
}

@Suite struct LoggingJSONLineTests {
  @Test func valuesAreWrittenInOrderAndEscaped() throws {
    let line: JSONLine = [
      "z": 1, "a": "q\"\\\n\t\u{1}\u{2028}é😀</script>", "f": .float(0.1), "d": .double(1e-5),
      "nan": .float(.nan), "inf": .double(-.infinity), "n": nil, "b": true,
      "list": .array([1, .object(["k": 2.5]), .array([])]),
    ]
    #expect(
      line.description
        == #"{"z": 1, "a": "q\"\\\n\t\u0001\u2028é😀</script>", "f": 0.1, "d": 1e-05, "#
        + #""nan": null, "inf": null, "n": null, "b": true, "list": [1, {"k": 2.5}, []]}"#)
    let object = try JSONSerialization.jsonObject(with: Data(line.description.utf8))
    let pairs = try #require(object as? [String: Any])
    #expect(pairs["a"] as? String == "q\"\\\n\t\u{1}\u{2028}é😀</script>")
    #expect(pairs["d"] as? Double == 1e-5)
  }

  @Test func numbersReadBackAsTheyWere() throws {
    let values: [Double] = [
      0.1, 1e16, 1e-300, .leastNonzeroMagnitude, Double.greatestFiniteMagnitude, -0.0, 1.0 / 3,
    ]
    let text = JSONLine.Value.array(values.map { .double($0) }).description
    let read = try JSONDecoder().decode([Double].self, from: Data(text.utf8))
    #expect(read.map(\.bitPattern) == values.map(\.bitPattern))
  }
}

@Suite struct LoggingMetricsLogTests {
  @Test func linesAppearAtOnceAndInOrder() throws {
    let folder = try Folder()
    let log = try MetricsLog(path: folder.path + "/metrics.jsonl")
    try log.append(step: 1, split: "train", ["epoch": 0, "loss": .float(2.5)])
    #expect(
      try folder.text("metrics.jsonl")
        == "{\"step\": 1, \"split\": \"train\", \"epoch\": 0, \"loss\": 2.5}\n")
    try log.append(step: 1, split: "validation", ["loss": .float(.nan)])
    #expect(
      try folder.text("metrics.jsonl")
        .hasSuffix("{\"step\": 1, \"split\": \"validation\", \"loss\": null}\n"))
  }

  @Test func resumingCutsLaterStepsAndACutShortLine() throws {
    let folder = try Folder()
    let path = folder.path + "/metrics.jsonl"
    for (lastStep, tail) in [(9, ""), (5, "{\"step\": 6, \"spl"), (4, "\n{"), (0, "")] {
      var lines = (0..<(lastStep + 1)).map { "{\"step\": \($0), \"split\": \"train\"}\n" }.joined()
      if tail.hasPrefix("\n") { lines += "{\"step\": 5}" }
      try (lines + tail).write(toFile: path, atomically: false, encoding: .utf8)
      let log = try MetricsLog(path: path, resumingFrom: 5)
      try log.append(step: 6, split: "train", [:])
      let steps = try folder.text("metrics.jsonl").split(separator: "\n").map { line in
        try #require(
          JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])["step"] as? Int
      }
      let kept = tail.hasPrefix("\n") ? 5 : min(lastStep, 5)
      #expect(steps == Array(0...kept) + [6])
    }
  }

  @Test func resumingWithoutAFileStartsOneAndANewLogStartsEmpty() throws {
    let folder = try Folder()
    let path = folder.path + "/metrics.jsonl"
    try MetricsLog(path: path, resumingFrom: 3).append(step: 4, split: "train", [:])
    #expect(try folder.text("metrics.jsonl").contains("\"step\": 4"))
    _ = try MetricsLog(path: path)
    #expect(try folder.text("metrics.jsonl").isEmpty)
  }

  @Test func aForeignFileIsRefusedAndLeftAlone() throws {
    let folder = try Folder()
    let path = folder.path + "/metrics.jsonl"
    for text in [
      "{\"step\": 1}\nhello\n", "{\"step\": 1}\n[1]\n", "{\"step\": 1}\n{\"step\": \"2\"}\n",
    ] {
      try text.write(toFile: path, atomically: false, encoding: .utf8)
      #expect {
        try MetricsLog(path: path, resumingFrom: 5)
      } throws: {
        "\($0)" == "\(path): line 2 is not a JSON object with a whole number 'step'"
      }
      #expect(try folder.text("metrics.jsonl") == text)
    }
    #expect(throws: FileError.self) { try MetricsLog(path: folder.path) }
  }
}

@Suite struct LoggingTensorBoardTests {
  @Test func checksumsEqualThePublishedVectors() {
    // RFC 3720, appendix B.4, and the check value of the CRC catalogue.
    #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
    #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.checksum(Array(0..<32)) == 0x46DD_794E)
    #expect(CRC32C.checksum((0..<32).reversed()) == 0x113F_DB5C)
    #expect(CRC32C.checksum([]) == 0)
    // rotr(0xE3069283, 15) = 0x2507C60D; + 0xA282EAD8.
    #expect(CRC32C.masked(Array("123456789".utf8)) == 0xC78A_B0E5)
  }

  @Test func bytesEqualThoseOfTensorBoardsOwnWriter() throws {
    let folder = try Folder()
    var time = 1_700_000_000.25
    let writer = try TensorBoardWriter(
      directory: folder.path + "/new/logs", resumingFrom: 299, host: "a host/é"
    ) { time }
    #expect(writer.path == folder.path + "/new/logs/events.out.tfevents.1700000000.a-host-é")
    time += 1
    try writer.add([("train/loss", 2.5), ("train/learning_rate", 1e-4)], step: 300)
    time += 1
    try writer.add([("validation/loss é", .nan)], step: 5_000_000_000)
    time += 1
    try writer.add([("zero", 0)], step: 0)
    let ours = try Data(contentsOf: URL(filePath: writer.path))
    let expected = try Data(contentsOf: URL(filePath: Fixtures.path("metrics/scalars.tfevents")))
    #expect(Array(ours) == Array(expected))
  }

  @Test func runsOfTheSameSecondGetFilesOfTheirOwn() throws {
    let folder = try Folder()
    let first = try TensorBoardWriter(directory: folder.path, host: "h") { 5 }
    let second = try TensorBoardWriter(directory: folder.path, host: "h") { 5 }
    #expect(first.path == folder.path + "/events.out.tfevents.0000000005.h")
    #expect(second.path == first.path + ".1")
    try Data().write(to: URL(filePath: folder.path + "/file"))
    #expect(throws: FileError.self) {
      try TensorBoardWriter(directory: folder.path + "/file/logs") { 5 }
    }
  }
}
