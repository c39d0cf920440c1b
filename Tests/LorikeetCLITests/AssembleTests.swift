// SPDX-License-Identifier: Apache-2.0

import Foundation
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
