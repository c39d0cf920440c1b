// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import Testing

@Suite struct CaptionTests {
  private let pictures = TinyPictures.all.map { TinyPictures.path($0.name) }

  private func objects(_ run: Finished) throws -> [[String: Any]] {
    try run.output.split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  @Test func everyPictureGetsALineInOrder() throws {
    try withTinyModel { model, _ in
      let start = ["caption", "--model", model, "--max-tokens", "6"]
      let plain = try Command.run(start + pictures)
      #expect(plain.status == 0)
      #expect(plain.errors == "")
      let lines = plain.output.split(separator: "\n").map(String.init)
      #expect(lines.count == 10)
      for (line, picture) in zip(lines, pictures) { #expect(line.hasPrefix(picture + ": ")) }

      let found = try objects(Command.run(start + ["--json"] + pictures))
      #expect(found.map { $0["file"] as? String } == pictures)
      #expect(Set(found[0].keys) == ["file", "caption", "tokens"])
      // Together or alone, a picture gets the same caption.
      let alone = try objects(Command.run(start + ["--json", pictures[9]]))
      #expect(alone[0]["caption"] as? String == found[9]["caption"] as? String)
    }
  }

  @Test func aBadPictureDoesNotStopTheOthers() throws {
    try withTinyModel { model, directory in
      let text = directory + "/text.png"
      try Data("no picture".utf8).write(to: URL(filePath: text))
      let empty = directory + "/empty.jpg"
      try Data().write(to: URL(filePath: empty))
      let run = try Command.run([
        "caption", "--model", model, "--max-tokens", "3", text, pictures[0], empty,
        directory + "/none.png", pictures[1],
      ])
      #expect(run.status == 1)
      #expect(run.output.split(separator: "\n").count == 2)
      #expect(run.errorLines.count == 3)
      #expect(run.errorLines[0].hasPrefix("error: \(text): is not a PNG or JPEG"))
      #expect(run.errorLines[1].hasPrefix("error: \(empty): the file is empty"))
      #expect(run.errorLines[2].hasPrefix("error: \(directory)/none.png: cannot open"))
    }
  }

  @Test func badInput() throws {
    try withTinyModel { model, _ in
      try expectFailure(
        ["caption", "--model", model, "--prompt", String(repeating: "x", count: 300), pictures[0]],
        naming: pictures[0], "the model's context holds 256")
      try expectFailure(
        ["caption", "--model", Fixtures.path("models/dinov2/seed-1/model"), pictures[0]],
        naming: "config.json", "this is an image encoder alone")
    }
    let run = try Command.run("caption", "--model", "m")
    #expect(run.status == 2)
    #expect(run.errorLines.count == 1)
  }
}

@Suite struct ClassifyTests {
  private let pictures = ["boat-18", "cat-18"].map { TinyPictures.path($0) }
  private let labels = ["animal", "plant", "vehicle"]

  @Test func theLikeliestLabelWins() throws {
    try withTinyModel { model, _ in
      let start = ["classify", "--model", model, "--labels", "animal, plant,vehicle"]
      let json = try Command.run(start + ["--json"] + pictures)
      #expect(json.status == 0, "\(json.errors)")
      let plain = try Command.run(start + pictures).output.split(separator: "\n").map(String.init)
      let objects = try json.output.split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
      #expect(objects.count == 2 && plain.count == 2)
      for (index, object) in objects.enumerated() {
        #expect(object["file"] as? String == pictures[index])
        let scores = try #require(object["scores"] as? [String: Double])
        let probabilities = try #require(object["probabilities"] as? [String: Double])
        let label = try #require(object["label"] as? String)
        #expect(scores.keys.sorted() == labels)
        #expect(scores.max { $0.value < $1.value }?.key == label)
        #expect(abs(probabilities.values.reduce(0, +) - 1) < 1e-5)
        let total = scores.values.reduce(0) { $0 + exp($1) }
        for name in labels {
          #expect(abs((probabilities[name] ?? 0) - exp(scores[name] ?? 0) / total) < 1e-5)
        }
        #expect(object["probability"] as? Double == probabilities[label])
        let share = String(format: "%.3f", probabilities[label] ?? 0)
        #expect(plain[index] == "\(pictures[index]): \(label) (\(share))")
      }
    }
  }

  @Test func aTextMayReplaceThePicture() throws {
    try withTinyModel { model, _ in
      let start = ["classify", "--model", model, "--labels", "animal,plant", "--json"]
      let text = try Command.run(start + ["--text", "A cat."])
      #expect(text.status == 0, "\(text.errors)")
      #expect(text.output.hasPrefix("{\"file\": null, \"label\": "))
      let outputs = [
        try Command.run(start + [pictures[0]]).output,
        try Command.run(start + [pictures[0], "--text", "A cat."]).output,
        try Command.run(start + [pictures[0], "--text", "A boat."]).output,
      ]
      #expect(Set(outputs).count == 3)
    }
  }

  @Test func badInput() throws {
    try withTinyModel { model, directory in
      try expectFailure(
        ["classify", "--model", model, pictures[0]], naming: model, "knows no labels")
      let none = directory + "/none.png"
      let run = try Command.run(
        "classify", "--model", model, "--labels", "a,b", none, pictures[0])
      #expect(run.status == 1)
      #expect(run.output.split(separator: "\n").count == 1)
      #expect(run.errorLines.count == 1 && run.errors.hasPrefix("error: \(none): "))
      for more in [[], ["--labels", "a", "x.png"], ["--labels", "a,a", "x.png"]] {
        let run = try Command.run(["classify", "--model", model] + more)
        #expect(run.status == 2)
        #expect(run.errorLines.count == 1)
      }
    }
  }
}
