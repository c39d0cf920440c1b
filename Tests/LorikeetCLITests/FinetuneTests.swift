// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite(.serialized) struct FinetuneTests {
  private func arguments(_ setup: TinySetup, _ output: String, _ changes: [String]) -> [String] {
    ["finetune", "--model", setup.model, "--data", setup.data, "--output", output]
      + [
        "r=2", "warmup_steps=2", "learning_rate=0.01", "per_device_train_batch_size=4",
        "eval_steps=20", "save_steps=5", "drop_image=0.2", "save_total_limit=2",
      ].flatMap { ["--set", $0] } + changes.flatMap { ["--set", $0] }
  }

  /// Starts the command, waits until a file appears, and sends a signal.
  ///
  /// - Returns: how the process ended, and its code or signal.
  private func interrupt(
    _ arguments: [String], when path: String, with signal: Int32, errors: String
  ) throws -> (reason: Process.TerminationReason, status: Int32) {
    let process = Process()
    process.executableURL = URL(filePath: try Command.path())
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try Data().write(to: URL(filePath: errors))
    process.standardError = try FileHandle(forWritingTo: URL(filePath: errors))
    try process.run()
    let end = Date().addingTimeInterval(120)
    while !FileManager.default.fileExists(atPath: path), process.isRunning, Date() < end {
      Thread.sleep(forTimeInterval: 0.002)
    }
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    return (process.terminationReason, process.terminationStatus)
  }

  /// The files of a run that do not tell the time or the place.
  private func results(_ directory: String) throws -> [String: Data] {
    try files(below: directory).filter { name, _ in
      name.hasSuffix(".safetensors") || name.hasPrefix("adapter/") && !name.contains("/.")
    }
  }

  @Test func aKilledRunGoesOnToTheBytesOfAnUninterruptedOne() throws {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory)
      let (straight, killed) = (directory + "/straight", directory + "/killed")
      let changes = ["max_steps=400"]
      let whole = try Command.run(arguments(setup, straight, changes))
      #expect(whole.status == 0, "\(whole.errors)")
      #expect(whole.output.contains("\"steps\": 400"))

      let end = try interrupt(
        arguments(setup, killed, changes), when: killed + "/adapter", with: SIGKILL,
        errors: directory + "/errors")
      #expect(end.reason == .uncaughtSignal && end.status == SIGKILL, "it was over too soon")
      let again = try Command.run(arguments(setup, killed, changes))
      #expect(again.status == 1)
      #expect(
        again.errors == "error: \(killed): there is a run here already; --resume continues it\n")

      let resumed = try Command.run("finetune", "--output", killed, "--resume")
      #expect(resumed.status == 0, "\(resumed.errors)")
      #expect(resumed.errors.contains("resumed at step "))
      let (a, b) = (try results(straight), try results(killed))
      #expect(a.keys.sorted() == b.keys.sorted())
      #expect(a.keys.contains("checkpoints/step-400/optimizer.safetensors"))
      for (name, bytes) in a { #expect(b[name] == bytes, "\(name) differs") }
    }
  }

  @Test func ctrlCSavesTheStateAndEndsWithCode0() throws {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory)
      let run = directory + "/run"
      let end = try interrupt(
        arguments(setup, run, ["max_steps=200000"]), when: run + "/adapter",
        with: SIGINT, errors: directory + "/errors")
      #expect(end.reason == .exit && end.status == 0)
      let errors = try String(contentsOfFile: directory + "/errors", encoding: .utf8)
      let last = try #require(errors.split(separator: "\n").last)
      #expect(last.hasPrefix("stopped on request; --resume continues (step "))
      let step = try #require(last.dropLast().split(separator: " ").last)
      #expect(
        FileManager.default.fileExists(atPath: "\(run)/checkpoints/step-\(step)/state.json"))
    }
  }

  @Test func pathsAreTakenAsTheyAre() throws {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory)
      // Characters that mean something in YAML.
      for name in ["run #1: a", "on", "0123", "[x", "2024-01-01"] {
        let output = directory + "/" + name
        let run = try Command.run(arguments(setup, output, ["max_steps=1"]))
        #expect(run.status == 0, "\(run.errors)")
        #expect(FileManager.default.fileExists(atPath: output + "/recipe.yaml"), "\(name)")
      }
    }
  }

  /// The head and the embeddings belong to the adapter that serves text, and learn.
  @Test func headAndEmbeddingsTrain() throws {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory)
      let changes = [
        "max_steps=2", "decoder.target_modules=[q_proj, lm_head, embed_tokens]", "lora_dropout=0.1",
        "use_dora=true", "missing=drop",
      ]
      let run = try Command.run(arguments(setup, directory + "/run", changes))
      #expect(run.status == 0, "\(run.errors)")
      func tensors(_ adapter: String) throws -> SafetensorsFile {
        try SafetensorsFile(path: "\(directory)/run/adapter/\(adapter)/adapter_model.safetensors")
      }
      let (text, image) = (try tensors("text"), try tensors("image"))
      for name in ["lm_head.lora_B.weight", "model.language_model.embed_tokens.lora_embedding_A"] {
        let found = try #require(text["base_model.model." + name], "\(text.names)")
        #expect(found.tensor().values.contains { $0 != 0 })
      }
      #expect(!image.names.contains { $0.contains("lm_head") || $0.contains("embed_tokens") })
      #expect(image.names.contains { $0.contains("q_proj") })
      let caption = try Command.run([
        "caption", "--model", setup.model, "--adapter", directory + "/run", setup.data + "/0.png",
      ])
      #expect(caption.status == 0, "\(caption.errors)")
    }
  }

  /// A model that was trained whole has its prompts, labels and stand-ins in the run's adapter/; a merged
  /// one has them with it.
  @Test(arguments: [true, false])
  func settingsComeWithTheModel(isMerged: Bool) throws {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory)
      let run = directory + "/run"
      let changes =
        ["max_steps=4", "caption_prompt=say what", "prune=pool:2", "stand_in_tokens=3"]
        + (isMerged ? ["routing=shared"] : ["decoder.train=full"])
      let trained = try Command.run(arguments(setup, run, changes))
      #expect(trained.status == 0, "\(trained.errors)")
      let original =
        isMerged ? ["--model", setup.model, "--adapter", run] : ["--model", run + "/model"]
      var with = ["--model", run + "/model", "--adapter", run]
      if isMerged {
        let merged = directory + "/merged"
        let merge = try Command.run(["merge"] + original + ["--output", merged])
        #expect(merge.status == 0 && merge.errors == "", "\(merge.errors)")
        with = ["--model", merged]
      }
      // Without a picture stand-ins take its place; the labels are those of the data set.
      for input in [["--text", "a blue one"], [setup.data + "/2.png"]] {
        let found = try Command.run(["classify", "--json"] + with + input)
        #expect(found.status == 0, "\(found.errors)")
        if isMerged {
          let expected = try Command.run(["classify", "--json"] + original + input)
          func numbers(_ run: Finished) throws -> [Double] {
            let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
            let scores = (object as? [String: Any])?["scores"] as? [String: Double]
            return try #require(scores).sorted { $0.key < $1.key }.map(\.value)
          }
          for (a, b) in zip(try numbers(found), try numbers(expected)) {
            #expect(abs(a - b) < 1e-3)
          }
        } else {
          let bare = try Command.run(["classify"] + original + input)
          #expect(bare.status == 1 && bare.errors.contains("knows no labels"))
          try expectFailure(
            ["classify", "--model", setup.model, "--adapter", run] + input,
            naming: run + "/adapter", "trained whole, \(run)/model")
        }
      }
      // A run that starts from it has settings of its own.
      if isMerged {
        let next = directory + "/next"
        let again = try Command.run([
          "finetune", "--model", directory + "/merged", "--data", setup.data, "--output", next,
          "--set", "max_steps=1", "--set", "r=2",
        ])
        #expect(again.status == 0, "\(again.errors)")
        #expect(again.errors.contains("[16 visual tokens]"), "\(again.errors)")
      }
    }
  }

  @Test func quietRunsSayNothing() throws {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory)
      let run = try Command.run(
        arguments(setup, directory + "/run", ["max_steps=2"]) + ["--quiet"])
      #expect(run.status == 0 && run.errors == "", "\(run.errors)")
      #expect(run.output.contains("\"steps\": 2"))
    }
  }

  /// Before pictures are encoded and anything is written.
  @Test func whatCannotWorkIsSaidFirst() throws {
    try withTemporaryDirectory { directory in
      let words = String(repeating: "a red one ", count: 100)
      let setup = try TinySetup(
        in: directory,
        lines: [#"{"file_name": "2.png", "text": "\#(words)", "split": "validation"}"#])
      try expectFailure(
        arguments(setup, directory + "/run", ["max_steps=2"]), naming: setup.data + "/2.png",
        "but the model's context holds 256")
      #expect(!FileManager.default.fileExists(atPath: directory + "/run"))
      // Stand-ins count where they come up.
      let short = try TinySetup(in: directory + "/short")
      let many = ["max_steps=1", "stand_in_tokens=1000"]
      try expectFailure(
        arguments(short, directory + "/run", many), naming: ".png", "context holds 256")
      let never = try Command.run(
        arguments(short, directory + "/run", many + ["drop_image=0"]))
      #expect(never.status == 0, "\(never.errors)")
      let file = short.data + "/0.png"
      try expectFailure(
        arguments(short, file + "/run", ["max_steps=1"]), naming: file + "/run", "Not a directory")
    }
  }

  @Test func wrongRecipesAreOneLine() throws {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory)
      for (change, cause) in [
        ("learning_rat=1", "unknown key learning_rat"), ("eval_samples=-1", "eval_samples -1"),
        ("prune=best:1", "unknown method"), ("max_steps=1e99", "max_steps"),
        (
          "base_dtype=int3",
          "key base_dtype: the value is not of the kind expected (int3 is none of"
        ),
        ("decoder.target_modules=[nothing]", "match no linear layer"),
        ("decoder.target_modules=[q_proj, nothing]", "targets nothing match no linear layer"),
      ] {
        try expectFailure(
          arguments(setup, directory + "/run", [change]), naming: ": ", cause)
        #expect(!FileManager.default.fileExists(atPath: directory + "/run"))
      }
    }
  }
}
