// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import Testing

@Suite struct EvaluateTests {
  /// The tiny model and the tiny set.
  private func withSet(
    _ body: (_ start: [String], _ directory: String) throws -> Void
  ) throws {
    try withTinyModel { model, directory in
      try TinyPictures.writeDataset(to: directory + "/data")
      try body(["evaluate", "--model", model, "--data", directory + "/data"], directory)
    }
  }

  @Test func aGridIsMeasuredAndReported() throws {
    try withSet { start, directory in
      let report = directory + "/report"
      let run = try Command.run(
        start + [
          "--task", "classify", "--missing", "image=0.5", "--missing", "image=0.5,text=1",
          "--prune", "none", "fopru-rank:0.25", "--shuffle-images", "--report", report,
        ])
      #expect(run.status == 0, "\(run.errors)")
      let lines = run.output.split(separator: "\n").map(String.init)
      // A heading, four conditions twice, and the difference of the loss for all but the clean ones.
      #expect(lines.count == 1 + 8 + 6)
      #expect(lines[0].hasPrefix("condition"))
      #expect(lines[1].hasPrefix("clean "))
      #expect(lines[9].hasPrefix("shuffled: loss "))
      #expect(
        run.errors.contains(
          "missing image=0.5,text=1.0: effective rates image 0.500, text 1.000"))
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: report).sorted()
          == ["masks", "plots", "report.html", "results.json", "samples.jsonl"])
      let left = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
      #expect(left == ["data", "model", "report"])
    }
  }

  @Test func conditionsAreObjects() throws {
    try withSet { start, _ in
      let run = try Command.run(
        start + [
          "--task", "caption", "--no-generate", "--limit", "4", "--missing", "image=1", "--json",
          "--quiet",
        ])
      #expect(run.status == 0)
      #expect(run.errors == "")
      let objects = try run.output.split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
      #expect(objects.map { $0["name"] as? String } == ["clean", "missing image=1.0"])
      let metrics = try #require(objects[0]["metrics"] as? [String: [String: Double]])
      #expect(Set(metrics.keys) == ["loss", "perplexity"])
      #expect(Set(try #require(metrics["loss"]).keys) == ["value", "lower", "upper"])
    }
  }

  @Test func badPicturesAreSkippedOrFatal() throws {
    try withSet { start, directory in
      let bad = directory + "/data/fish-18.png"
      try Data().write(to: URL(filePath: bad))
      let report = directory + "/report"
      let more = ["--task", "classify", "--report", report]
      try expectFailure(start + more + ["--strict", "--quiet"], naming: bad, "the file is empty")
      #expect(!FileManager.default.fileExists(atPath: report))
      let run = try Command.run(start + more)
      #expect(run.status == 0)
      #expect(run.errors.contains("warning: \(bad): the file is empty"))
      #expect(run.errors.contains("left out 1 samples: unreadable picture"))
    }
  }

  @Test func badInput() throws {
    try withSet { start, directory in
      try expectFailure(
        start + ["--task", "caption", "--split", "nothing"], naming: directory + "/data",
        "has no samples in the split nothing; splits: test")
      try expectFailure(
        start + ["--task", "caption", "--report", directory + "/data"],
        naming: directory + "/data", "holds something else")
      let metadata = directory + "/data/metadata.jsonl"
      try "no JSON\n".write(toFile: metadata, atomically: true, encoding: .utf8)
      try expectFailure(start + ["--task", "caption"], naming: metadata + ":1", "not JSON")
      for more in [
        ["--task", "caption", "--missing", "text=1"], ["--task", "talk"],
        ["--task", "classify", "--inputs", "sound"],
        ["--task", "classify", "--missing", "image=2"],
        ["--task", "classify", "--inputs", "text", "--shuffle-images"],
        ["--task", "caption", "--prune", "nothing:1"], ["--task", "caption", "--limit", "0"],
      ] {
        let run = try Command.run(start + more)
        #expect(run.status == 2, "\(more)")
        #expect(run.errorLines.count == 1, "\(run.errors)")
      }
    }
  }
}
