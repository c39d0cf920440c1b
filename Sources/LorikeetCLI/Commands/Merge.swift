// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet

struct Merge: WorkingCommand {
  static let configuration = CommandConfiguration(
    abstract: "Folds an adapter into a model's weights and writes the model.",
    discussion: """
      The result is a Hugging Face directory that needs no adapter. The largest logit difference \
      between the model with the adapter and the merged one is printed. Adapters that act on the \
      rows of one modality only cannot be folded into weights that act on all rows.

      Example:
        lorikeet merge --model vlm --adapter run/adapter --output merged
      """)

  @Option(help: "The model: a directory, or a name that pull knows.", completion: .directory)
  var model: String

  @OptionGroup
  var adapters: AdapterOptions

  @Option(help: "Where the merged model is written.", completion: .directory)
  var output: String

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  func validate() throws {
    if adapters.adapter.isEmpty {
      throw ValidationError("Missing expected argument '--adapter <dir>'")
    }
  }

  func work() throws {
    let source = try ModelSource.directory(model)
    let pipeline = try Pipeline(model: source, adapters: adapters.selection)
    let standIns = pipeline.missing.parameters
    let (difference, largest) = try pipeline.merge()
    try ModelWriter.write(pipeline.model.index, from: source, to: output)
    if !standIns.isEmpty {
      note("note: the stand-in tokens for missing inputs stay with the adapter")
    }
    if json {
      try StandardOutput.line([
        "output": .string(output), "largest_logit_difference": .float(difference),
        "largest_logit": .float(largest),
      ])
    } else {
      try StandardOutput.line(
        "\(output): largest logit difference \(difference) (largest logit \(largest))")
    }
  }
}
