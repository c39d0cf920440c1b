// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct AssembleTests {
  private let encoder = Fixtures.path("models/dinov2/seed-1/model")
  private let decoder = Fixtures.path("models/llama-tied/seed-1/model")

  @Test func theResultIsAModelThatMayBeAssembledAgain() throws {
    try withTemporaryDirectory { directory in
      let start = ["assemble", "--encoder", encoder, "--decoder", decoder]
      for (name, more) in [
        ("mlp", []), ("linear", ["--projector", "linear", "--select", "full"]),
        ("layer", ["--feature-layer", "-2", "--seed", "3"]),
      ] {
        let output = directory + "/" + name
        let run = try Command.run(start + more + ["--output", output])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.errors.contains("\(output): "))
        let files = try FileManager.default.contentsOfDirectory(atPath: output)
        #expect(Set(files).isSuperset(of: ["config.json", "model.safetensors"]))
      }
      func weights(_ name: String) throws -> Data {
        try Data(contentsOf: URL(filePath: directory + "/\(name)/model.safetensors"))
      }
      // The seed alone decides the projector.
      _ = try Command.run(start + ["--output", directory + "/again"])
      #expect(try weights("again") == weights("mlp"))
      #expect(try weights("layer") != weights("mlp"))
    }
  }

  /// The image tower of a dual encoder, under the names that a tower alone has.
  @Test(arguments: ["clip", "siglip"]) func theTowerOfADualEncoderIsTaken(family: String) throws {
    try withTemporaryDirectory { directory in
      let dual = Fixtures.path("models/dual-\(family)/seed-1/model")
      let output = directory + "/vlm"
      let run = try Command.run(
        "assemble", "--encoder", dual, "--decoder", decoder, "--output", output)
      #expect(run.status == 0, "\(run.errors)")
      let source = try SafetensorsFile(path: dual + "/model.safetensors")
      let result = try SafetensorsFile(path: output + "/model.safetensors")
      var found = 0
      for name in source.names where name.hasPrefix("vision_model.") {
        let stored = try #require(source[name])
        let copy = try #require(
          result["vision_tower." + name.dropFirst("vision_model.".count)], "\(name)")
        #expect(copy.tensor().values == stored.tensor().values, "\(name)")
        found += 1
      }
      #expect(found > 10)
      #expect(result.names.count { $0.hasPrefix("vision_tower.") } == found)
      #expect(!result.names.contains { $0.contains("text_model") || $0.contains("logit") })
      let configuration = try JSONFile.value(from: output + "/config.json")
      #expect(
        configuration["vision_config"]?["model_type"] == .string(family + "_vision_model"))
      // Numbers are written as they were.
      let text = try String(contentsOfFile: output + "/config.json", encoding: .utf8)
      #expect(text.contains("\"initializer_factor\": 1.0") == (family == "clip"))
    }
  }

  @Test func badInput() throws {
    try withTemporaryDirectory { directory in
      let output = directory + "/out"
      try expectFailure(
        ["assemble", "--encoder", decoder, "--decoder", decoder, "--output", output],
        naming: "config.json", "llama is not supported")
      try expectFailure(
        [
          "assemble", "--encoder", encoder, "--decoder", decoder, "--feature-layer", "99",
          "--output", output,
        ], naming: output, "vision_feature_layer [99] is outside")
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [])
      try expectFailure(
        ["assemble", "--encoder", encoder, "--decoder", decoder, "--output", encoder],
        naming: encoder, "exists and is not empty")
    }
  }
}
