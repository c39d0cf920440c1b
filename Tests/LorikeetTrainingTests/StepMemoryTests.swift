// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import LorikeetTraining
import LorikeetVisionLanguage
import Testing

@Suite struct StepMemoryTests {
  /// - Parameter model: another model than that of TinySetup.
  private func memory(
    _ changes: [String] = [], isCached: Bool = true, model: String? = nil
  ) throws -> StepMemory {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory)
      let recipe = try TrainingRecipe(path: nil, changes: ["model=\(setup.model)"] + changes)
      let pipeline = try Pipeline(model: model ?? setup.model)
      return StepMemory(
        pipeline, try TrainingSetup(recipe, pipeline, path: "recipe"), recipe, isCached: isCached)
    }
  }

  @Test func theEncoderCountsWhereItRuns() throws {
    let (cached, frozen) = (try memory(), try memory(isCached: false))
    let trained = try memory(["encoder.train=lora"], isCached: false)
    #expect(cached.encoderRow == 0)
    #expect(0 < frozen.encoderRow && frozen.encoderRow < trained.encoderRow)
  }

  /// What a pipeline pruned before its training is set up says nothing about the training.
  @Test func aRecipeSaysWhatIsPruned() throws {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory)
      let pipeline = try Pipeline(model: setup.model)
      for changes in [["prune=fopru-rank:0.25"], []] {
        let recipe = try TrainingRecipe(path: nil, changes: ["model=\(setup.model)"] + changes)
        _ = try TrainingSetup(recipe, pipeline, path: "recipe")
        #expect((pipeline.pruning == nil) == changes.isEmpty)
      }
    }
  }

  @Test func checkpointingTakesLess() throws {
    // The more so the more blocks there are.
    let model = Fixtures.directory.deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Models/tiny").path
    let less = try memory(["gradient_checkpointing=true"], model: model)
    #expect(less.decoderRow < (try memory(model: model)).decoderRow)
    #expect(try memory(["gradient_checkpointing=true"]).decoderRow <= memory().decoderRow)
  }

  @Test func methodsThatKeepMoreTakeMore() throws {
    let plain = try memory()
    let dora = try memory(["use_dora=true"])
    let dropout = try memory(["use_dora=true", "lora_dropout=0.1"])
    #expect(plain.decoderRow < dora.decoderRow && dora.decoderRow < dropout.decoderRow)
    #expect(try memory(["peft_type=IA3"]).decoderRow > plain.decoderRow)
    let frozen = try memory(["use_dora=true", "decoder.train=frozen"])
    #expect(frozen.decoderRow == plain.decoderRow)
    // All weights get gradients, two moments and a copy.
    let full = try memory(["decoder.train=full", "missing=drop"])
    #expect(full.constant > 64 << 20 + 16 * 15_000, "\(full.constant)")
  }

  @Test func aBatchThatDoesNotFitIsRefusedWithOneThatDoes() throws {
    let memory = try memory()
    // 4 samples of 100 rows go together; two of them fit.
    let two = memory.bytes(rows: 100, encoderRows: 0, batch: 2)
    func refusal(_ available: Int?) -> String? {
      do {
        try memory.require(
          rows: 100, encoderRows: 0, batch: 4, path: "model", available: available)
        return nil
      } catch { return "\(error)" }
    }
    #expect(refusal(nil) == nil)
    #expect(refusal(memory.bytes(rows: 100, encoderRows: 0, batch: 4)) == nil)
    #expect(try #require(refusal(two)).hasSuffix("a batch of 2 would fit"))
    let half = memory.constant + 50 * memory.decoderRow
    #expect(try #require(refusal(half)).contains("samples of 50 tokens would fit"))
    #expect(try #require(refusal(half)).hasSuffix("set gradient_checkpointing: true)"))
    let less = try self.memory(["gradient_checkpointing=true"])
    let refused = #expect(throws: TrainingError.self) {
      try less.require(
        rows: 1000, encoderRows: 0, batch: 1, path: "model", available: less.constant + 1000)
    }
    #expect("\(try #require(refused))".hasSuffix("would fit (prune)"))
  }

  @Test func whatIsTooMuchByItselfIsNamed() throws {
    let memory = try memory()
    func refusal(_ available: Int, features: (count: Int, bytes: Int) = (0, 0)) -> String? {
      do {
        try memory.require(
          rows: 1, encoderRows: 0, batch: 1, features: features, path: "model",
          available: available)
        return nil
      } catch { return "\(error)" }
    }
    let step = memory.bytes(rows: 1, encoderRows: 0, batch: 1)
    #expect(refusal(step + 1 << 20) == nil)
    #expect(try #require(refusal(memory.constant - 1)).contains("gradients and moments"))
    let features = try #require(refusal(step + 1 << 20, features: (1000, 1 << 20)))
    #expect(features.contains("features of 1000 pictures"), "\(features)")
    #expect(features.contains("those of \((step + 1 << 20) >> 20) would fit"), "\(features)")
    // Features that fit leave less for the step.
    #expect(refusal(step + 1 << 20, features: (3, 1 << 19)) != nil)
  }

  /// Far more rows than any machine has room for.
  @Test func theSystemIsAsked() throws {
    #expect(throws: TrainingError.self) {
      try memory().require(rows: 1 << 30, encoderRows: 0, batch: 1, path: "model")
    }
  }
}
