// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// Dual encoders on the command line.
@Suite struct EmbedTests {
  /// Calls `body` with a directory of CLIP's, its tokenizer and its image processor.
  private func withModel(_ body: (String) throws -> Void) throws {
    try withTemporaryDirectory { directory in
      let model = Fixtures.path("models/dual-clip/seed-1/model")
      for (source, name) in [
        (model, "config.json"), (model, "model.safetensors"),
        (Fixtures.path("tokenizers/clip"), "tokenizer.json"),
      ] {
        try FileManager.default.copyItem(
          atPath: source + "/" + name, toPath: directory + "/" + name)
      }
      try Data(
        #"""
        {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 20},
        "crop_size": {"height": 20, "width": 20}}
        """#.utf8
      ).write(to: URL(filePath: directory + "/preprocessor_config.json"))
      try body(directory)
    }
  }
  private let pictures = ["rgb8.png", "wide.png"].map { Fixtures.path("images/seed-1/" + $0) }

  @Test func vectorsOfPicturesAndTexts() throws {
    try withModel { directory in
      let arguments = ["embed", "--model", directory, "--text", "a cat"] + pictures
      let run = try Command.run(arguments)
      #expect(run.status == 0, "\(run.errors)")
      let lines = run.output.split(separator: "\n")
      #expect(lines.count == 3)
      var vectors: [[Float]] = []
      for (line, key) in zip(lines, ["text", "file", "file"]) {
        let object = try #require(
          try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object[key] is String)
        let vector = try #require(object["embedding"] as? [Double]).map { Float($0) }
        expectClose([vector.reduce(0) { $0 + $1 * $1 }], [1], tolerance: 1e-5)
        vectors.append(vector)
      }
      let path = directory + "/out.safetensors"
      let written = try Command.run(arguments + ["--output", path])
      #expect(written.status == 0 && written.output.isEmpty)
      let file = try SafetensorsFile(path: path)
      expectClose(
        try #require(file["image_embeds"]).tensor().values, vectors[1] + vectors[2],
        tolerance: 1e-6)
      expectClose(try #require(file["text_embeds"]).tensor().values, vectors[0], tolerance: 1e-6)
    }
  }

  @Test func picturesAreClassifiedWithoutTraining() throws {
    try withModel { directory in
      let start = ["classify", "--model", directory, "--labels", "cat,dog,tree", "--json"]
      let run = try Command.run(
        start + ["--template", "a {}", "--imagenet-templates", "--top", "2"] + pictures)
      #expect(run.status == 0, "\(run.errors)")
      #expect(run.output.split(separator: "\n").count == 2)
      for line in run.output.split(separator: "\n") {
        let object = try #require(
          try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let probabilities = try #require(object["probabilities"] as? [String: Double])
        let best = try #require(probabilities.max { $0.value < $1.value })
        #expect(object["label"] as? String == best.key)
        #expect((object["labels"] as? [String])?.count == 2)
        expectClose([Float(probabilities.values.reduce(0, +))], [1], tolerance: 1e-5)
      }
    }
  }

  @Test func badInput() throws {
    try withModel { directory in
      try expectFailure(
        ["classify", "--model", directory, pictures[0]], naming: directory, "give --labels")
      try expectFailure(
        ["generate", "--model", directory, "--prompt", "x"], naming: "config.json",
        "two encoders side by side")
      let encoder = Fixtures.path("models/clip/seed-1/model")
      try expectFailure(
        ["embed", "--model", encoder, "--text", "x"], naming: encoder, "only those embed texts")
      let decoder = Fixtures.path("models/llama-tied/seed-1/model")
      try expectFailure(
        ["embed", "--model", decoder, pictures[0]], naming: decoder, "no vector for a picture")
    }
    let wrong = try Command.run([
      "classify", "--model", "x", "--labels", "a,b", "--template", "none", "y.png",
    ])
    #expect(wrong.status == 2)
  }
}
