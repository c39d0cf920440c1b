// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import Testing

/// Types of weights on the command line, with the embedded model and a model of random weights.
@Suite struct BaseTypeTests {
  static let types = ["float32", "bfloat16", "float16", "q8_0", "q4_0", "q4_1", "nf4"]

  private static let embedded = Fixtures.directory.deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Models/tiny").path

  @Test(arguments: types) func everyTypeAnswers(type: String) throws {
    func caption(_ more: String...) throws -> String {
      let run = try Command.run(
        ["caption", "--model", Self.embedded, TinyPictures.path("car-18")] + more)
      #expect(run.status == 0, "\(run.errors)")
      return run.output
    }
    let output = try caption("--base-dtype", type)
    #expect(output.contains("car-18.png: ") && output.hasSuffix("\n"))
    if ["float32", "bfloat16"].contains(type) { #expect(try output == caption()) }
    if type == "bfloat16" { #expect(try output == caption("--cache-dtype", "f16")) }
  }

  @Test func aPlainProcessorIsMentionedOnce() throws {
    func errors(_ isa: String, _ more: [String] = []) throws -> [String] {
      let run = try Command.run(
        ["caption", "--model", Self.embedded, "--max-tokens", "2", TinyPictures.path("car-18")]
          + more, environment: ["LORIKEET_ISA": isa])
      #expect(run.status == 0, "\(run.errors)")
      return run.errorLines.filter { $0.contains("AVX2") }
    }
    #expect(try errors("portable").count == 1)
    #expect(try errors("portable", ["--quiet"]).isEmpty)
  }

  @Test func adaptersTrainOnBlocks() throws {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory)
      func run(_ type: String, _ output: String, _ more: [String] = []) throws -> Finished {
        try Command.run(
          [
            "finetune", "--model", setup.model, "--data", setup.data, "--output",
            directory + "/" + output, "--base-dtype", type, "--set", "max_steps=3", "--set", "r=2",
          ] + more)
      }
      let trained = try run("q8_0", "run")
      #expect(trained.status == 0, "\(trained.errors)")
      let recipe = try String(contentsOfFile: directory + "/run/recipe.yaml", encoding: .utf8)
      #expect(recipe.contains("base_dtype: q8_0"))

      let full = try run(
        "q4_1", "full", ["--set", "decoder.train=full"])
      #expect(full.status == 1 && full.errorLines.count == 1)
      #expect(full.errors.contains("base_dtype q4_1 cannot be trained"), "\(full.errors)")
      #expect(!FileManager.default.fileExists(atPath: directory + "/full"))
      // A model that is stored in blocks is told from the start too.
      let nf4 = directory + "/nf4"
      let converted = try Command.run(
        "convert", "--model", Self.embedded, "--dtype", "nf4", "--output", nf4)
      #expect(converted.status == 0, "\(converted.errors)")
      let whole = ["finetune", "--model", nf4, "--data", setup.data, "--set", "max_steps=1"]
      try expectFailure(
        whole + [
          "--output", directory + "/full", "--set", "encoder.train=full", "--set",
          "decoder.train=frozen",
        ],
        naming: "train: full", "is NF4")
      #expect(!FileManager.default.fileExists(atPath: directory + "/full"))
      let lora = try Command.run(whole + ["--output", directory + "/lora"])
      #expect(lora.status == 0, "\(lora.errors)")
      // Folded into weights that were quantised, an adapter makes a model that is not.
      let shared = try Command.run(
        whole + ["--output", directory + "/shared", "--set", "routing=shared"])
      #expect(shared.status == 0, "\(shared.errors)")
      let adapted = ["--model", nf4, "--adapter", directory + "/shared"]
      let merged = directory + "/merged"
      let merge = try Command.run(["merge"] + adapted + ["--output", merged])
      #expect(merge.status == 0, "\(merge.errors)")
      let configuration = try String(contentsOfFile: merged + "/config.json", encoding: .utf8)
      #expect(!configuration.contains("quantization_config"))
      #expect(configuration.contains("\"dtype\": \"float32\""))
      let caption = ["caption", TinyPictures.path("car-18"), "--quiet"]
      let (before, after) = (
        try Command.run(caption + adapted), try Command.run(caption + ["--model", merged])
      )
      #expect(after.status == 0 && after.output == before.output, "\(after.errors)")
      let unknown = try Command.run(
        ["finetune", "--set", "base_dtype=int3", "--output", directory + "/x"])
      #expect(unknown.status == 1 && unknown.errors.contains("base_dtype"), "\(unknown.errors)")
    }
  }

  @Test func convertedDirectoriesOpen() throws {
    try withTemporaryDirectory { directory in
      func caption(_ model: String) throws -> String {
        let run = try Command.run(["caption", "--model", model, TinyPictures.path("car-18")])
        #expect(run.status == 0, "\(run.errors)")
        return run.output
      }
      let expected = try caption(Self.embedded)
      for (type, shards) in [("float32", 1), ("bfloat16", 4), ("nf4", 3)] {
        let output = "\(directory)/\(type)"
        var arguments = [
          "convert", "--model", Self.embedded, "--dtype", type, "--output", output,
        ]
        if shards > 1 { arguments += ["--max-shard-size", "600KB"] }
        let run = try Command.run(arguments)
        #expect(run.status == 0, "\(run.errors)")
        let names = try FileManager.default.contentsOfDirectory(atPath: output)
        let weights = names.filter { $0.hasSuffix(".safetensors") }
        #expect(shards == 1 ? weights == ["model.safetensors"] : weights.count > 1, "\(weights)")
        let caption = try caption(output)
        if type != "nf4" { #expect(caption == expected) }
        let configuration = try String(contentsOfFile: output + "/config.json", encoding: .utf8)
        #expect(configuration.contains("\"quant_method\": \"bitsandbytes\"") == (type == "nf4"))
        // What exists is not overwritten.
        let again = try Command.run(arguments)
        #expect(again.status == 1 && again.errors.contains("is not empty"))
      }
    }
  }

  @Test func refusals() throws {
    try withTemporaryDirectory { directory in
      func error(_ type: String, _ output: String, _ more: String...) throws -> String {
        let run = try Command.run(
          ["convert", "--model", Self.embedded, "--dtype", type, "--output", directory + output]
            + more)
        #expect(run.status == 1 && run.errorLines.count == 1, "\(run.errors)")
        #expect(!FileManager.default.fileExists(atPath: directory + output))
        return run.errors
      }
      #expect(try error("q4_1", "/x").contains("GGUF files only"))
      #expect(try error("nf4", "/x.gguf").contains("GGUF has no type nf4"))
      let bad = try Command.run(
        ["convert", "--model", Self.embedded, "--dtype", "int3", "--output", directory + "/x"])
      #expect(bad.status == 2)
      // What is in the way stays.
      let file = directory + "/file"
      try Data("mine".utf8).write(to: URL(filePath: file))
      let kept = try Command.run(
        "convert", "--model", Self.embedded, "--dtype", "float32", "--output", file)
      #expect(kept.status == 1 && kept.errors == "error: \(file): exists and is not a directory\n")
      #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine")
      try FileManager.default.createSymbolicLink(
        atPath: directory + "/link", withDestinationPath: "nowhere")
      try expectFailure(
        [
          "convert", "--model", Self.embedded, "--dtype", "float32", "--output",
          directory + "/link",
        ],
        naming: directory + "/link:", "is not a directory")
      try expectFailure(
        ["convert", "--model", Self.embedded, "--dtype", "float32", "--output", file + "/x"],
        naming: file + "/x:", "Not a directory")
      try expectFailure(
        ["convert", "--model", Self.embedded, "--dtype", "float32", "--output", ""],
        naming: "\"\"", "name of a directory")
      try expectFailure(
        ["caption", "--model", file, TinyPictures.path("car-18")], naming: file, "is a file")
      let shards = try Command.run(
        "convert", "--model", Self.embedded, "--dtype", "float32", "--output",
        directory + "/x.gguf",
        "--max-shard-size", "1KB")
      #expect(shards.status == 2 && shards.errors.contains("for directories"))
      let size = try Command.run(
        [
          "convert", "--model", Self.embedded, "--dtype", "float32", "--output", directory + "/x",
          "--max-shard-size", "0",
        ])
      #expect(size.status == 2)
    }
  }
}

/// Text decoders as files for llama.cpp.
@Suite struct GGUFCommandTests {
  @Test func mergeAndConvertWriteDecoders() throws {
    try withTemporaryDirectory { directory in
      let model = directory + "/model"
      try TinyModel.write(to: model, case: "adapters/llava-lora/seed-1")
      let adapter = Fixtures.path("adapters/llava-lora/seed-1/adapter")
      let merge = ["merge", "--model", model, "--adapter", adapter]
      let path = directory + "/merged.gguf"
      let run = try Command.run(merge + ["--dtype", "q8_0", "--output", path])
      #expect(run.status == 0, "\(run.errors)")
      #expect(run.output.hasPrefix(path + ": largest logit difference "))
      #expect(run.errors.contains("note: the file has the text decoder, not the image encoder"))
      #expect(run.errors.contains("note: the difference is that of merging; rounding to q8_0"))
      let tokens = try Command.run("debug", "tokenize", "--model", path, "--text", "a cat")
      let expected = try Command.run("debug", "tokenize", "--model", model, "--text", "a cat")
      #expect(tokens.status == 0 && tokens.output == expected.output, "\(tokens.errors)")
      let converted = directory + "/base.gguf"
      let convert = try Command.run(
        "convert", "--model", model, "--dtype", "float16", "--output", converted)
      #expect(convert.status == 0 && convert.output == converted + "\n", "\(convert.errors)")
      let before = try Data(contentsOf: URL(filePath: converted))
      let again = try Command.run(
        "convert", "--model", model, "--dtype", "float32", "--output", converted)
      #expect(again.status == 1 && again.errors == "error: \(converted): exists already\n")
      #expect(try Data(contentsOf: URL(filePath: converted)) == before)
      let wrong = try Command.run(merge + ["--dtype", "q8_0", "--output", directory + "/merged"])
      #expect(wrong.status == 2 && wrong.errors.contains("ends with .gguf"), "\(wrong.errors)")
    }
  }
}
