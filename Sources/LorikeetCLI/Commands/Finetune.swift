// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Lorikeet
import Synchronization

struct Finetune: WorkingCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fine-tunes adapters, a projector or a whole model on a data set.",
    discussion: """
      Options stand in a recipe, a YAML file; the command line overrides it. Every key of a recipe \
      can be set with --set, with a dot for keys within keys. The output directory receives \
      adapter/ (of the best validation loss), recipe.yaml, metrics.jsonl, tensorboard/ and \
      checkpoints/. Ctrl-C stops after the present step with the state saved.

      Examples:
        lorikeet finetune Examples/stamps.yaml
        lorikeet finetune --model vlm --data pictures --output run --set max_steps=200
        lorikeet finetune recipe.yaml --set decoder.r=16 --set modalities.image.r=4
        lorikeet finetune --output run --resume
      """)

  @Argument(help: "A recipe.", completion: .file(extensions: ["yaml", "yml"]))
  var recipe: String?

  @Option(help: "The model: a directory, or a name that pull knows.", completion: .directory)
  var model: String?

  @Option(
    help: "The data set: a directory or file, or a name that pull knows.",
    completion: .file())
  var data: String?

  @Option(help: "Where the run is written.", completion: .directory)
  var output: String?

  @Option(help: "Keep the frozen weights in this type (default: as they are stored).")
  var baseDtype: BaseType?

  @Option(name: .customLong("set"), help: "Sets a key of the recipe, as KEY=VALUE; repeatable.")
  var changes: [String] = []

  @Flag(help: "Continue the run in the output directory from its last checkpoint.")
  var resume = false

  @Flag(help: "Stop at a picture that cannot be read, instead of skipping it.")
  var strict = false

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  func work() throws {
    var changes = changes
    for (key, value) in [("model", model), ("data", data), ("output", output)] {
      // Quoted, as a path may look like something else in YAML.
      if let value { changes.append("\(key)=\(JSONLine.Value.string(value))") }
    }
    if let baseDtype { changes.append("base_dtype=\(baseDtype.rawValue)") }
    if strict { changes.append("strict=true") }
    // A run that is continued has its recipe with it.
    var path = recipe
    if path == nil, resume, let output { path = output + "/recipe.yaml" }
    let recipe = try TrainingRecipe(path: path, changes: changes)
    let name = path ?? "finetune"
    for (key, value) in [("model", recipe.model), ("data", recipe.data), ("output", recipe.output)]
    where value.isEmpty {
      throw ValidationError("no \(key): give --\(key), or the key \(key) in a recipe")
    }
    let source = try ModelSource.directory(recipe.model)
    let pipeline = try Pipeline(model: source, baseType: recipe.baseType)
    let dataset = try Dataset(path: try ModelSource.dataset(recipe.data))
    let setup = try TrainingSetup(recipe, pipeline, path: name)
    let run = RunDirectory(recipe.output)
    let trainer = try Trainer(
      recipe, pipeline, setup, data: dataset, source: source,
      cache: RegistryHome.standard.features, run: run, resume: resume, report: note,
      output: common.quiet ? .silent : .standardError)
    Self.stopOnInterrupt()
    let summary = try trainer.train()
    note("\(summary.ending.rawValue) (step \(summary.state.step))")
    var line: JSONLine = [
      "output": .string(recipe.output), "steps": .int(summary.state.step),
      "seconds": .double(summary.state.seconds),
    ]
    if let loss = summary.state.bestLoss {
      line.append("best_validation_loss", .double(loss))
      line.append("best_step", .int(summary.state.bestStep))
    }
    try StandardOutput.line(line)
  }

  /// Lets Ctrl-C end the training after the present step.
  private static func stopOnInterrupt() {
    signal(SIGINT) { _ in Trainer.isStopRequested.store(true, ordering: .relaxed) }
  }
}
