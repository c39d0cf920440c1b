// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAdapters
import LorikeetTestSupport
import LorikeetTraining
import Testing

@Suite struct TrainingRecipeTests {
  private func recipe(_ yaml: String, _ changes: [String] = []) throws -> TrainingRecipe {
    try withTemporaryDirectory { directory in
      let path = directory + "/recipe.yaml"
      try Data(yaml.utf8).write(to: URL(filePath: path))
      return try TrainingRecipe(path: path, changes: changes)
    }
  }

  /// The reason with which a recipe is refused.
  private func refusal(_ yaml: String, _ changes: [String] = []) -> String? {
    do {
      _ = try recipe(yaml, changes)
      return nil
    } catch TrainingError.recipe(_, let reason) {
      return reason
    } catch {
      return "another error: \(error)"
    }
  }

  @Test func nothingGivenIsTheDefaults() throws {
    #expect(try TrainingRecipe(path: nil) == TrainingRecipe())
    #expect(try recipe("") == TrainingRecipe())
  }

  @Test func valuesAreReadAndChangesWin() throws {
    let read = try recipe(
      """
      model: vlm
      routing: shared
      r: 4
      learning_rate: 1e-3
      decoder: {train: lora, target_modules: [q_proj, v_proj]}
      modalities:
        image: {r: 2}
      """,
      ["decoder.r=16", "modalities.image.lora_alpha=3.5", "learning_rate=0.25", "prune=pool:2"])
    #expect(read.model == "vlm")
    #expect(read.routing == .shared)
    #expect(read.r == 4)
    #expect(read.learningRate == 0.25)
    #expect(read.decoder.train == .lora)
    #expect(read.decoder.targetModules == ["q_proj", "v_proj"])
    #expect(read.decoder.r == 16)
    #expect(read.modalities["image"]?.r == 2)
    #expect(read.modalities["image"]?.loraAlpha == 3.5)
    #expect(read.prune == "pool:2")
    #expect(read.maxSteps == TrainingRecipe().maxSteps)
  }

  @Test func whatIsWrittenReadsBackEqual() throws {
    var changed = TrainingRecipe()
    changed.model = "a: b # c"
    changed.data = "0123"
    changed.captionPrompt = "yes\n\"quoted\" – ü"
    changed.prune = "fopru-rank:0.25"
    changed.seed = UInt64(Int.max)
    changed.encoder.train = .lora
    changed.encoder.targetModules = ["query", "value"]
    changed.modalities["missing"] = ModalityRecipe()
    changed.modalities["missing"]?.learningRate = 1e-5
    changed.adamEpsilon = 1e-12
    changed.maxMinutes = 0.5
    changed.earlyStoppingPatience = 3
    for original in [TrainingRecipe(), changed] {
      let copy = try recipe(try original.yaml())
      #expect(copy == original)
    }
  }

  @Test func unknownKeysAreRefusedByName() {
    #expect(refusal("learning_rat: 1")?.hasPrefix("unknown key learning_rat; known: ") == true)
    #expect(refusal("", ["decoder.rank=3"])?.hasPrefix("unknown key decoder.rank; ") == true)
    #expect(refusal("modalities: {picture: {r: 1}}")?.contains("modalities.picture") == true)
    #expect(refusal("modalities: {image: {dropout: 1}}")?.contains("image.dropout") == true)
  }

  @Test(arguments: [
    "r: 0", "r: -1", "r: 5000", "decoder: {r: 0}", "modalities: {text: {r: 0}}",
    "lora_dropout: 1", "lora_dropout: -0.1", "lora_alpha: .nan", "learning_rate: 0",
    "learning_rate: .inf", "encoder: {learning_rate: -1}", "max_steps: 0", "eval_steps: 0",
    "save_steps: 0", "save_total_limit: 0", "image_views: 0", "image_views: 1000000000000",
    "eval_samples: -1", "eval_samples: 0", "stand_in_tokens: 0",
    "stand_in_tokens: 1000000000000", "warmup_steps: -1", "projector_steps: -1",
    "drop_image: 1.5", "drop_text: -1", "drop_image: .nan", "caption_weight: -1",
    "{caption_weight: 0, classify_weight: 0}", "caption_weight: .inf", "weight_decay: -1",
    "max_grad_norm: .nan", "adam_beta1: 1", "adam_beta2: -0.5", "adam_epsilon: 0",
    "max_minutes: -1", "early_stopping_patience: 0", "per_device_train_batch_size: 0",
    "per_device_train_batch_size: 1000000000000", "gradient_accumulation_steps: 0",
    "gradient_accumulation_steps: 1000000000000", "seed: -1", "seed: 1.5", "r: many",
    "routing: everywhere", "missing: guess", "decoder: {train: some}", "prune: fopru-rank",
    "prune: fopru-rank:2", "prune: nothing:1", "decoder: 3", "modalities: [image]",
    "{encoder: {train: frozen}, projector: {train: frozen}, decoder: {train: frozen}}",
    "[1, 2]", "a: b: c", "max_steps: 99999999999999999999999",
  ])
  func valuesOutOfRangeAreRefused(yaml: String) throws {
    let reason = try #require(refusal(yaml), "\(yaml) was taken")
    #expect(!reason.contains("another error"), "\(reason)")
    #expect(!reason.contains("\n"), "\(reason)")
  }

  @Test(arguments: ["r", "=3", "r=[", ""])
  func malformedChangesAreRefused(change: String) {
    #expect(refusal("", [change]) != nil)
  }

  @Test func aFileThatIsNotThereIsNamed() {
    #expect(throws: TrainingError.recipe(path: "/no/recipe.yaml", reason: "cannot be read")) {
      try TrainingRecipe(path: "/no/recipe.yaml")
    }
  }
}
