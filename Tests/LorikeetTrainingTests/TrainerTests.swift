// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAutograd
import LorikeetCheckpoints
import LorikeetDatasets
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTraining
import LorikeetVisionLanguage
import Testing

@Suite struct TrainerTests {
  private func withSetup(
    training: Int = 12, validation: Int = 3, lines: [String] = [],
    _ body: (TinySetup) throws -> Void
  ) throws {
    try withTemporaryDirectory { directory in
      try body(
        try TinySetup(in: directory, training: training, validation: validation, lines: lines))
    }
  }

  /// (IA)^3 has few numbers to learn with.
  @Test(arguments: [
    ([], 0.5), (["use_dora=true", "lora_dropout=0.05"], 0.5), (["peft_type=IA3"], 0.8),
  ])
  func lossFalls(changes: [String], share: Double) throws {
    try withSetup { setup in
      let run = try finish(setup, ["max_steps=60", "eval_steps=60"] + changes)
      let losses = try run.losses("train")
      #expect(losses.count == 60)
      let (first, last) = (losses.prefix(5).reduce(0, +), losses.suffix(5).reduce(0, +))
      #expect(last < share * first, "\(losses)")
      #expect(try run.losses("validation").count == 1)
    }
  }

  @Test(arguments: [
    ["routing=shared"], ["routing=per-modality"], ["routing=image-only"],
    ["encoder.train=lora"], ["projector.train=lora"], ["projector.train=frozen"],
    ["decoder.train=frozen"], ["decoder.train=frozen", "routing=shared"],
    ["encoder.train=lora", "projector.train=lora", "decoder.train=frozen"],
    ["use_dora=true", "lora_dropout=0.2", "encoder.train=lora"],
    ["peft_type=IA3", "encoder.train=lora", "projector.train=lora"],
    ["encoder.train=full", "projector.train=full", "decoder.train=full"],
    ["encoder.train=frozen", "projector.train=frozen", "decoder.train=full"],
  ])
  func onlyWhatShouldTrainChanges(changes: [String]) throws {
    try withSetup { setup in
      let run = try TinyRun(setup, changes + ["drop_image=0.3", "feature_cache=false"])
      let entries = run.pipeline.model.index.entries
      let before = entries.map { $0.parameter.stored.tensor().values }
      let trained = run.training.parameters.map { $0.parameter.stored.tensor().values }
      _ = try run.trainer.train()
      let full = changes.filter { $0.hasSuffix("=full") }.map { $0.prefix { $0 != "." } }
      let isProjectorFull = !changes.contains { $0.hasPrefix("projector.train=") }
      for (entry, value) in zip(entries, before) {
        let path = entry.modulePath
        let part =
          path.hasPrefix("model.vision_tower")
          ? "encoder" : path.hasPrefix("model.multi_modal_projector") ? "projector" : "decoder"
        let mayChange = full.contains { $0 == part } || part == "projector" && isProjectorFull
        let isSame = entry.parameter.stored.tensor().values == value
        #expect(mayChange || isSame, "\(path) has changed")
        if part == "projector", mayChange { #expect(!isSame, "\(path) has not changed") }
      }
      // Not a key's bias, which has no effect; nor what no row of the data reaches.
      let changed = zip(run.training.parameters, trained).count {
        $0.parameter.stored.tensor().values != $1
      }
      #expect(changed * 3 >= trained.count * 2, "\(changed) of \(trained.count) have changed")
      // What was written opens again.
      let result = run.directory
      let isModel = FileManager.default.fileExists(atPath: result.model)
      let isModelTrained = full.contains { $0 != "projector" }
      #expect(isModel == isModelTrained)
      let opened = try Pipeline(
        model: isModel ? result.model : setup.model, adapter: isModel ? nil : result.adapter)
      _ = opened
    }
  }

  @Test func cachedFeaturesGiveTheLossesOfFreshOnes() throws {
    try withSetup { setup in
      let options = ["standardize_features=false", "drop_image=0.2"]
      let cached = try finish(setup, options, output: "cached")
      let fresh = try finish(setup, options + ["feature_cache=false"], output: "fresh")
      let (a, b) = (try cached.losses("train"), try fresh.losses("train"))
      expectClose(a.map { Float($0) }, b.map { Float($0) }, tolerance: 1e-4)
    }
  }

  @Test func featuresOnDiskServeLaterRunsAndGiveTheSameBits() throws {
    try withSetup { setup in
      let options = ["image_views=2", "drop_image=0.2", "feature_cache=disk"]
      let memory = try finish(
        setup, options.dropLast() + ["feature_cache=memory"], output: "memory")
      let first = try finish(setup, options, output: "first")
      let stored = try files(below: setup.directory + "/features")
      #expect(!stored.isEmpty)
      let second = try finish(setup, options, output: "second")
      #expect(try files(below: setup.directory + "/features") == stored)
      #expect(try first.losses("train") == memory.losses("train"))
      #expect(try second.losses("train") == memory.losses("train"))
      // Another pruning is another name; a spoiled file is made again.
      _ = try finish(setup, options + ["prune=uniform:0.5"], output: "pruned")
      #expect(try files(below: setup.directory + "/features").count == 2 * stored.count)
      let names = stored.keys.sorted()
      for (index, name) in names.enumerated() {
        var data = stored[name] ?? Data()
        switch index % 4 {
        case 0: data = Data("spoiled".utf8)
        case 1: data = stored[names[(index + 1) % names.count]] ?? Data()
        case 2: data[data.count - 1] ^= 1  // of a feature, or of the checksum
        default: data[data.count / 2] ^= 64
        }
        try data.write(to: URL(fileURLWithPath: setup.directory + "/features/" + name))
      }
      let third = try finish(setup, options, output: "third")
      #expect(try third.losses("train") == memory.losses("train"))
      let mended = try files(below: setup.directory + "/features")
      #expect(stored.allSatisfy { mended[$0.key] == $0.value })
    }
  }

  @Test func accumulationOfTwoBatchesIsOneOfTwiceTheSize() throws {
    try withSetup { setup in
      let whole = try finish(
        setup, ["per_device_train_batch_size=8"], output: "whole")
      let halves = try finish(
        setup, ["per_device_train_batch_size=4", "gradient_accumulation_steps=2"],
        output: "halves")
      let (a, b) = (try whole.losses("train"), try halves.losses("train"))
      #expect(a.count == 6)
      expectClose(a.map { Float($0) }, b.map { Float($0) }, tolerance: 1e-3)
    }
  }

  @Test func aRoutedAdapterOpensWithTheNumbersItWasTrainedTo() throws {
    try withSetup { setup in
      let run = try finish(
        setup, ["drop_image=0.3", "drop_text=0.3", "max_steps=12", "eval_steps=12"])
      let adapter = run.directory.adapter
      let names = Set(try files(below: adapter).keys)
      var expected: Set = ["adapter_routing.json", "lorikeet.json", "stand_ins.safetensors"]
      for name in ["image", "text", "missing"] {
        expected.insert(name + "/adapter_config.json")
        expected.insert(name + "/adapter_model.safetensors")
      }
      #expect(names == expected)
      let opened = try Pipeline(model: setup.model, adapter: adapter)
      #expect(opened.settings.labels == ["blue", "green", "red"])
      // While training features are normalised before the projector; in the file they are not.
      expectClose(
        try opened.probe(setup), try run.pipeline.probe(setup), tolerance: 1e-4, "losses")
    }
  }

  @Test func aModelThatTrainedWholeOpensWithTheNumbersItWasTrainedTo() throws {
    try withSetup { setup in
      let run = try finish(
        setup, ["decoder.train=full", "missing=drop", "max_steps=6", "eval_steps=6"])
      let opened = try Pipeline(model: run.directory.model)
      expectClose(
        try opened.probe(setup), try run.pipeline.probe(setup), tolerance: 1e-4, "losses")
    }
  }

  @Test func theBestAdapterIsKept() throws {
    // One sample to learn and others to be measured on: what is learned by heart soon does not help.
    try withSetup(training: 1, validation: 2) { setup in
      let options = [
        "learning_rate=0.03", "eval_steps=5", "lr_scheduler_type=constant",
        "standardize_features=false",
      ]
      let run = try finish(setup, options + ["max_steps=60"])
      let losses = try run.losses("validation")
      let best = try #require(losses.indices.min { losses[$0] < losses[$1] })
      try #require(best < losses.count - 1, "\(losses)")
      let short = try finish(setup, options + ["max_steps=\(5 * (best + 1))"], output: "short")
      let kept = try files(below: run.directory.adapter)
      let expected = try files(below: short.directory.adapter)
      #expect(kept == expected)
    }
  }

  @Test func trainingStopsWhenValidationNoLongerGains() throws {
    try withSetup { setup in
      let run = try TinyRun(
        setup, ["learning_rate=3", "max_steps=50", "eval_steps=1", "early_stopping_patience=2"])
      let summary = try run.trainer.train()
      #expect(summary.ending == .noGain)
      #expect(summary.state.step == summary.state.bestStep + 2)
      #expect(run.directory.steps.last == summary.state.step)
    }
  }

  @Test func timeEndsARun() throws {
    try withSetup { setup in
      let run = try TinyRun(setup, ["max_minutes=1e-9"])
      let summary = try run.trainer.train()
      #expect(summary.ending == .outOfTime && summary.state.step == 1)
      #expect(FileManager.default.fileExists(atPath: run.directory.adapter))
    }
  }

  @Test(arguments: [true, false])
  func aPictureThatCannotBeReadIsSkipped(cache: Bool) throws {
    let line =
      #"{"file_name": "broken.png", "text": "a red one", "label": "red", "split": "train"}"#
    try withSetup(training: 6, lines: [line]) { setup in
      try Data("not a picture".utf8).write(to: URL(filePath: setup.data + "/broken.png"))
      let options = ["feature_cache=\(cache)", "per_device_train_batch_size=7"]
      let run = try TinyRun(setup, options)
      let isNamed = run.reports.lines.contains {
        $0.hasPrefix("warning: skipped: ") && $0.contains("broken.png")
      }
      // Without a cache it shows in the first step that draws it.
      #expect(isNamed == cache)
      let summary = try run.trainer.train()
      #expect(summary.ending == .allSteps && summary.skipped == 1)
      // Six samples and none in place of the broken one.
      #expect(try run.losses("train").allSatisfy { $0 > 0 })
      #expect(throws: (any Error).self) {
        try finish(setup, options + ["strict=true"], output: "strict")
      }
    }
  }

  @Test(arguments: [true, false]) func picturesThatCannotBeReadAtAllEndARun(cache: Bool) throws {
    try withSetup(training: 6) { setup in
      for index in 0..<6 {
        try Data("not a picture".utf8).write(to: URL(filePath: "\(setup.data)/\(index).png"))
      }
      let error = #expect(throws: TrainingError.self) {
        try finish(setup, ["feature_cache=\(cache)", "max_steps=4"], output: "run")
      }
      #expect(try "\(#require(error))".contains("6 have a picture that cannot be read"))
    }
  }

  @Test func samplesWithoutPictureOrTextTrainBesideCompleteOnes() throws {
    let lines = [
      #"{"file_name": "0.png", "label": "red", "split": "train"}"#,
      #"{"file_name": "1.png", "text": "a green one", "split": "train"}"#,
    ]
    let words = Sample(id: "words", text: "a red one", label: "red", split: "train")
    for changes in [["feature_cache=true"], ["feature_cache=false", "missing=drop"]] {
      try withSetup(training: 3, lines: lines) { setup in
        let run = try TinyRun(
          setup, changes + ["per_device_train_batch_size=6", "max_steps=4", "eval_steps=2"],
          adding: [words])
        _ = try run.trainer.train()
        #expect(try run.losses("train").allSatisfy { $0.isFinite && $0 > 0 })
      }
    }
  }

  @Test func aLearningRateThatIsTooHighEndsTheRun() throws {
    try withSetup { setup in
      let run = try TinyRun(setup, ["learning_rate=1e30"])
      let error = #expect(throws: TrainingError.self) { try run.trainer.train() }
      guard case .diverged(let step)? = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(step == 2)
    }
  }

  @Test func aRunThatIsThereIsNotOverwritten() throws {
    try withSetup { setup in
      try finish(setup, ["max_steps=1"])
      let before = try files(below: setup.directory + "/run")
      let error = #expect(throws: TrainingError.self) { try TinyRun(setup) }
      #expect(error?.description.hasSuffix("--resume continues it") == true)
      #expect(try files(below: setup.directory + "/run") == before)
    }
  }

  @Test func aDataSetWithNothingToLearnIsRefused() throws {
    try withSetup(training: 0) { setup in
      #expect(throws: TrainingError.self) { try finish(setup) }
    }
    try withSetup(training: 2) { setup in
      #expect(throws: TrainingError.self) {
        try finish(setup, ["caption_weight=1", "classify_weight=0"])
        try Data(
          #"{"file_name": "0.png", "split": "train"}"#.utf8
        ).write(to: URL(filePath: setup.data + "/metadata.jsonl"))
        try finish(setup, output: "unlabelled")
      }
    }
  }

  @Test(arguments: [
    [], ["feature_cache=false", "encoder.train=lora", "lora_dropout=0.2"],
    ["decoder.train=full"], ["prune=random:0.5", "image_views=2"],
  ])
  func aResumedRunEndsInTheSameBytes(changes: [String]) throws {
    try withSetup { setup in
      let options = changes + ["drop_image=0.3", "projector_steps=1"]
      let straight = try finish(setup, options, output: "straight")
      #expect(straight.directory.steps == [3, 6])
      // As if the process had died after the first checkpoint and some more steps.
      let copy = setup.directory + "/resumed"
      let manager = FileManager.default
      try manager.copyItem(atPath: straight.directory.path, toPath: copy)
      try manager.removeItem(atPath: copy + "/checkpoints/step-6")
      try? manager.removeItem(atPath: copy + "/adapter")
      try? manager.removeItem(atPath: copy + "/model")
      let resumed = try finish(setup, options, output: "resumed", resume: true)
      #expect(resumed.reports.lines.first == "resumed at step 3")
      let (a, b) = (try straight.results(), try resumed.results())
      // The best result may stand before the checkpoint; then it is not written again.
      let best = try straight.losses("validation")
      for (name, bytes) in a where best[1] < best[0] || name.hasPrefix("checkpoints/") {
        #expect(b[name] == bytes, "\(name) differs")
      }
      for split in ["train", "validation"] {
        let (a, b) = (try straight.losses(split), try resumed.losses(split))
        #expect(a == b)
      }
    }
  }

  @Test func aRunGoesOnWithItsOwnRecipe() throws {
    try withSetup { setup in
      try finish(setup)
      // Values that are not given do not stand in the file.
      for (change, difference) in [
        ("r=3", "r: 2, not 3"), ("base_dtype=q8_0", "base_dtype: none, not q8_0"),
        ("prune=pool:2", "prune: none, not pool:2"),
        (
          "decoder.target_modules=[q_proj, v_proj]",
          "decoder: {}, not {target_modules: [q_proj, v_proj]}"
        ),
      ] {
        let error = #expect(throws: TrainingError.self) {
          try TinyRun(setup, [change], resume: true)
        }
        let text = "recipe.yaml: the run began with \(difference); a run goes on"
        #expect(error?.description.contains(text) == true, "\(error?.description ?? "")")
      }
      // What only says when to save or to end may change.
      try finish(setup, ["save_steps=1", "max_minutes=5"], resume: true)
    }
  }
}
