// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// `lorikeet convert --adapter`, and several adapters in every command that takes one.
@Suite struct AdapterCommandTests {
  private static let several = Fixtures.path("adapters/lora-several/seed-1")
  private static let model = several + "/model"
  private static let adapter = several + "/adapter"

  private func logits(_ arguments: [String]) throws -> [Float] {
    try withTemporaryDirectory { directory in
      let outputs = directory + "/out.safetensors"
      let run = try Command.run(
        [
          "debug", "forward", "--inputs", Self.several + "/inputs.safetensors", "--outputs",
          outputs,
        ] + arguments)
      #expect(run.status == 0, "\(run.errors)")
      return try #require(try SafetensorsFile(path: outputs)["logits"]).tensor().values
    }
  }

  private func expected(_ name: String) throws -> [Float] {
    try ReferenceCase("adapters/lora-several/seed-1").expected("logits." + name).values
  }

  @Test func activeAdaptersAndMixtures() throws {
    let model = ["--model", Self.model]
    let named = ["--adapter", "a=" + Self.adapter, "--adapter", "b=\(Self.adapter)/second"]
    for (arguments, name) in [
      (["--adapter", Self.adapter], "default"),
      (["--adapter", Self.adapter, "--active", "second"], "second"),
      (named + ["--active", "a,b"], "both"),
      (named + ["--active", "a=0.7, b=-0.4"], "cat"),
      (named + ["--active", "a=0.7,b=-0.4", "--combine", "linear"], "linear"),
      (named + ["--active", "a=0.5,b=1.5", "--combine", "svd:2"], "svd-2"),
    ] {
      expectClose(try logits(model + arguments), try expected(name), tolerance: 1e-4, name)
    }
  }

  @Test func conversionTellsWhatIsLost() throws {
    try withTemporaryDirectory { directory in
      let arguments = ["convert", "--model", Self.model, "--adapter", Self.adapter, "--to", "peft"]
      let exact = try Command.run(arguments + ["--output", directory + "/exact"])
      #expect(exact.status == 0, "\(exact.errors)")
      let lines = exact.output.split(separator: "\n").map { $0.split(separator: " ") }
      #expect(lines.first == ["layers", "count", "rank", "relative", "error"])
      #expect(lines.contains(["q_proj", "2", "4", "0"]))
      #expect(lines.contains(["all", "6", "0"]))
      #expect(exact.output.hasSuffix("\n\(directory)/exact\n"))
      expectClose(
        try logits(["--model", Self.model, "--adapter", directory + "/exact"]),
        try expected("default"), tolerance: 1e-4)
      let cut = try Command.run(
        arguments + ["--rank", "2", "--json", "--output", directory + "/cut"])
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(cut.output.utf8)) as? [String: Any])
      let error = try #require(object["relative_error"] as? Double)
      #expect(error > 0.05 && error < 0.9)
      let groups = try #require(object["groups"] as? [[String: Any]])
      #expect(groups.map { $0["largest_rank"] as? Int } == [2, 2, 2])
      // A mixture becomes an adapter of its own.
      let mixture = try Command.run(
        arguments + ["--active", "default=0.5,second=1.5", "--combine", "svd:2"] + [
          "--output", directory + "/mixture",
        ])
      #expect(mixture.status == 0, "\(mixture.errors)")
      expectClose(
        try logits(["--model", Self.model, "--adapter", directory + "/mixture"]),
        try expected("svd-2"), tolerance: 1e-4)
      let shown = try Command.run("inspect", Self.adapter)
      #expect(
        shown.output.contains("adapter default, LoRA") && shown.output.contains("adapter second"))
      let mlx = try Command.run(
        ["convert", "--model", Self.model, "--adapter", Self.adapter, "--to", "mlx"] + [
          "--output", directory + "/mlx",
        ])
      #expect(mlx.status == 0, "\(mlx.errors)")
      expectClose(
        try logits(["--model", Self.model, "--adapter", directory + "/mlx"]),
        try expected("default"), tolerance: 1e-4)
      #expect(try Command.run("inspect", directory + "/mlx").output.contains("LoRA, r 4, alpha 10"))
    }
  }

  @Test func wrongUsage() throws {
    let convert = ["convert", "--model", Self.model, "--output", "x"]
    let adapter = ["--adapter", Self.adapter]
    for (arguments, reason) in [
      (convert, "--dtype"), (convert + adapter, "--to"),
      (convert + ["--to", "mlx", "--dtype", "float32"], "need --adapter"),
      (convert + ["--rank", "3", "--dtype", "float32"], "need --adapter"),
      (convert + adapter + ["--to", "mlx", "--dtype", "float32"], "are for models"),
      (convert + adapter + ["--to", "onnx"], "onnx"),
      (convert + adapter + ["--to", "peft", "--rank", "0"], "--rank is 0"),
      (convert + adapter + ["--to", "peft", "--energy", "1.5"], "--energy is 1.5"),
      (convert + adapter + ["--to", "peft", "--energy", "nan"], "--energy is nan"),
      (
        convert + adapter + ["--to", "peft", "--rank", "1", "--energy", "0.5"], "not used together"
      ),
      (convert + adapter + ["--to", "peft", "--combine", "ties"], "ties"),
      (convert + adapter + ["--to", "peft", "--active", "a=x"], "--active is a=x"),
      (["merge", "--model", Self.model, "--output", "x"], "--adapter"),
      (["merge", "--model", Self.model, "--output", "x", "--active", "a"], "need"),
    ] {
      let run = try Command.run(arguments)
      #expect(run.status == 2 && run.errorLines.count == 1, "\(arguments): \(run.errors)")
      #expect(run.errors.contains(reason), "\(arguments): \(run.errors)")
      #expect(!FileManager.default.fileExists(atPath: "x"))
    }
  }

  @Test func failures() throws {
    try withTemporaryDirectory { directory in
      let output = directory + "/out"
      let convert = ["convert", "--model", Self.model, "--output", output, "--adapter"]
      try expectFailure(
        convert + [Self.adapter, "--to", "peft", "--active", "third"], naming: "adapters",
        "there is none called third; there are default, second")
      try expectFailure(
        convert + [Self.adapter, "--to", "mlx", "--active", "default,second"], naming: output,
        "there are 2 adapters side by side; combine them")
      try expectFailure(
        ["convert", "--model", Fixtures.path("adapters/ia3/seed-1/model"), "--output", output]
          + ["--adapter", Fixtures.path("adapters/ia3/seed-1/adapter"), "--to", "peft"],
        naming: "adapter default", "IA3 is of full rank on")
      try expectFailure(
        convert + [Fixtures.path("adapters/llava-lora/seed-1/adapter"), "--to", "peft"],
        naming: "adapter_model.safetensors", "is this an adapter for another model?")
      #expect(!FileManager.default.fileExists(atPath: output))
    }
  }
}
