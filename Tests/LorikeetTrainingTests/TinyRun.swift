// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAutograd
import LorikeetDatasets
import LorikeetTestSupport
import LorikeetTraining
import LorikeetVisionLanguage
import Testing

/// A run of the trainer on a tiny setup.
struct TinyRun {
  let setup: TinySetup
  let pipeline: Pipeline
  let recipe: TrainingRecipe
  let training: TrainingSetup
  let trainer: Trainer
  let directory: RunDirectory
  let reports: Reports

  /// The lines that a trainer reported.
  final class Reports {
    var lines: [String] = []
  }

  /// Few steps, no warm-up.
  static let standard = [
    "max_steps=6", "warmup_steps=0", "learning_rate=0.01", "eval_steps=3", "save_steps=3",
    "per_device_train_batch_size=4", "r=2", "save_total_limit=10",
  ]

  init(
    _ setup: TinySetup, _ changes: [String] = [], adding samples: [Sample] = [],
    output: String = "run", resume: Bool = false
  ) throws {
    self.setup = setup
    let read = try Dataset(path: setup.data)
    let data = Dataset(
      name: read.name, directory: read.directory, samples: read.samples + samples)
    let recipe = try TrainingRecipe(
      path: nil, changes: ["model=\(setup.model)"] + Self.standard + changes)
    self.recipe = recipe
    pipeline = try Pipeline(model: setup.model)
    training = try TrainingSetup(recipe, pipeline, path: "recipe")
    directory = RunDirectory(setup.directory + "/" + output)
    let reports = Reports()
    self.reports = reports
    trainer = try Trainer(
      recipe, pipeline, training, data: data, source: setup.model,
      cache: setup.directory + "/features", run: directory, resume: resume,
      report: { reports.lines.append($0) })
  }

  /// The losses that metrics.jsonl has for a split, by step.
  func losses(_ split: String) throws -> [Double] {
    struct Line: Decodable {
      var split: String
      var loss: Double
    }
    return try String(contentsOfFile: directory.metrics, encoding: .utf8).split(separator: "\n")
      .map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
      .filter { $0.split == split }.map(\.loss)
  }

  /// The bytes of what the trainer leaves that do not tell the time.
  func results() throws -> [String: Data] {
    try files(below: directory.path).filter { name, _ in
      name.hasPrefix("adapter/") || name.hasPrefix("model/") || name.hasSuffix(".safetensors")
    }
  }
}

/// Runs the trainer to its end.
@discardableResult
func finish(
  _ setup: TinySetup, _ changes: [String] = [], output: String = "run", resume: Bool = false
) throws -> TinyRun {
  let run = try TinyRun(setup, changes, output: output, resume: resume)
  _ = try run.trainer.train()
  return run
}

extension Pipeline {
  /// The mean loss of one complete captioning example after a picture of the setup, and the loss of
  /// one whose picture is missing.
  func probe(_ setup: TinySetup) throws -> [Float] {
    let samples = try Dataset(path: setup.data).samples
    var recipe = TrainingRecipe()
    recipe.missing = settings.missing
    let source = ExampleSource(samples, recipe, self)
    let pictures = PictureSource(samples, self, views: 1, seed: 0)
    try pictures.encodeAll(strict: true)
    var losses: [Float] = []
    for hasImage in [true, false] {
      for task in [TrainingTask.caption, .classify] {
        var example = try #require(source.example(1, task: task))
        example.hasImage = hasImage
        example.hasText = hasImage
        let sequence = try source.sequence(
          example, features: hasImage ? pictures.features(sample: 1, view: 0) : nil)
        let batch = model.pack([sequence], missing: missing, tape: .inference)
        losses += model.loss(batch, tape: .inference).losses
      }
    }
    return losses
  }
}
