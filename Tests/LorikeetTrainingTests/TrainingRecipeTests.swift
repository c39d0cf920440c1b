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
      routing: image-only
      r: 4
      learning_rate: 1e-3
      decoder: {train: lora, target_modules: [q_proj, v_proj]}
      modalities:
        image: {r: 2}
      """,
      ["decoder.r=16", "modalities.image.lora_alpha=3.5", "learning_rate=0.25", "prune=pool:2"])
    #expect(read.model == "vlm")
    #expect(read.routing == .imageOnly)
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

  /// What looks like a date, a number or a truth value is a text where a text is expected.
  @Test(arguments: ["2026-11-21", "0x10", "1e3", "0123", "No", "on", "12:30", "1_000"])
  func textsStayAsTheyAreWritten(text: String) throws {
    let read = try recipe("output: \(text)", ["caption_prompt=\(text)"])
    #expect(read.output == text)
    #expect(read.captionPrompt == text)
  }

  @Test func noneIsTheDefaultOfWhatMayBeMissing() throws {
    let keys = ["base_dtype", "prune", "max_minutes", "early_stopping_patience"]
    #expect(try recipe(keys.map { $0 + ": none\n" }.joined()) == TrainingRecipe())
    let off = try recipe("{prune: pool:2, max_minutes: 3}", ["prune=none", "max_minutes=none"])
    #expect(off == TrainingRecipe())
  }

  @Test func mappingsAreMerged() throws {
    let read = try recipe(
      """
      encoder: &low {train: lora, r: 2}
      decoder: {<<: *low, lora_alpha: 3}
      """, ["decoder.r=4"])
    #expect(read.encoder.r == 2)
    #expect(read.decoder.train == .lora && read.decoder.r == 4 && read.decoder.loraAlpha == 3)
    #expect(
      refusal("{encoder: &a {train: lora}, decoder: {<<: {rank: 3}}}")?
        .hasPrefix("unknown key decoder.rank; ") == true)
  }

  @Test func keysThatAreNoWordsAreRefused() {
    for yaml in ["[r]: 4", "{r: 1}: 2", "encoder: {[r]: 4}"] {
      #expect(refusal(yaml) == "a key is a list or a mapping, expected a word")
    }
  }

  /// Lists of lists by reference are not written out: these would be ten thousand million.
  @Test func referencesDoNotMultiply() {
    let levels = (1...10).map {
      "k\($0): &k\($0) [\(Array(repeating: "*k\($0 - 1)", count: 10).joined(separator: ","))]\n"
    }
    #expect(refusal("k0: &k0 [1]\n" + levels.joined())?.hasPrefix("unknown key k0; ") == true)
  }

  @Test func aLongLineIsNotRepeated() throws {
    let reason = try #require(refusal(String(repeating: "[", count: 20_000)))
    #expect(reason.hasPrefix("not YAML: ") && reason.count < 300)
  }

  @Test func aFileThatIsNotUTF8IsRefused() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/recipe.yaml"
      try Data([0x6F, 0x75, 0x74, 0x70, 0x75, 0x74, 0x3A, 0x20, 0xFC]).write(
        to: URL(filePath: path))
      #expect(throws: TrainingError.recipe(path: path, reason: "not UTF-8")) {
        try TrainingRecipe(path: path)
      }
    }
  }

  @Test(arguments: [
    ("encoder: {r: 4}", "encoder.r has no effect: encoder.train is frozen"),
    ("encoder: {learning_rate: 1}", "encoder.learning_rate has no effect: encoder.train is frozen"),
    ("projector: {lora_alpha: 4}", "projector.lora_alpha has no effect: projector.train is full"),
    (
      "decoder: {train: full, target_modules: [q_proj]}",
      "decoder.target_modules has no effect: decoder.train is full"
    ),
    (
      "{routing: shared, modalities: {image: {r: 4}}}",
      "modalities.image.r has no effect: routing shared has no adapter of that name"
    ),
    (
      "{routing: image-only, modalities: {text: {learning_rate: 1}}}",
      "modalities.text.learning_rate has no effect: routing image-only has no adapter of that name"
    ),
    (
      "{decoder: {train: frozen}, encoder: {train: lora}, modalities: {text: {r: 4}}}",
      "modalities.text.r has no effect: nothing of it has train: lora"
    ),
    (
      "{peft_type: IA3, decoder: {r: 4}}",
      "decoder.r has no effect: peft_type IA3 has neither rank nor dropout"
    ),
    (
      "{peft_type: IA3, lora_dropout: 0.1}",
      "lora_dropout has no effect: peft_type IA3 has neither rank nor dropout"
    ),
    (
      "{peft_type: IA3, modalities: {text: {r: 4}}}",
      "modalities.text.r has no effect: peft_type IA3 has neither rank nor dropout"
    ),
  ])
  func optionsWithoutEffectAreRefused(yaml: String, reason: String) {
    #expect(refusal(yaml) == reason)
  }

  @Test(arguments: [
    "projector: {learning_rate: 1}",
    "{encoder: {train: full, learning_rate: 1}, decoder: {train: full}}",
    "{decoder: {train: frozen}, encoder: {train: lora}, modalities: {image: {r: 4}}}",
    "{peft_type: IA3, decoder: {target_modules: [q_proj]}, modalities: {text: {learning_rate: 1}}}",
  ])
  func optionsWithAnEffectAreTaken(yaml: String) {
    #expect(refusal(yaml) == nil)
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
