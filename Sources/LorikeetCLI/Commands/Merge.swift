// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet

struct Merge: WorkingCommand {
  static let configuration = CommandConfiguration(
    abstract: "Folds an adapter into a model's weights and writes the model.",
    discussion: """
      The result is a Hugging Face directory that needs no adapter; prompts, pruning and stand-in \
      tokens come along (lorikeet.json, stand_ins.safetensors). The largest logit difference \
      between the model with the adapter and the merged one is printed. Adapters that act on the \
      rows of one modality only cannot be folded into weights that act on all rows.

      If the output's name ends with .gguf, the text decoder of the merged model is written as a \
      file for llama.cpp (--dtype float32, bfloat16, float16, q8_0, q4_0, q4_1; decoders of the Llama \
      family).

      Examples:
        lorikeet merge --model vlm --adapter run/adapter --output merged
        lorikeet merge --model vlm --adapter run/adapter --dtype q8_0 --output merged.gguf
      """)

  @Option(help: "The model: a directory, or a name that pull knows.", completion: .directory)
  var model: String

  @OptionGroup
  var adapters: AdapterOptions

  @Option(
    help: "Where the merged model is written: a directory, or FILE.gguf.", completion: .file())
  var output: String

  @Option(help: "The type of the weights in FILE.gguf (default: float32).")
  var dtype: BaseType?

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  private var writesGGUF: Bool { output.hasSuffix(".gguf") }

  func validate() throws {
    if adapters.adapter.isEmpty {
      throw ValidationError("Missing expected argument '--adapter <dir>'")
    }
    guard dtype == nil || writesGGUF else {
      throw ValidationError("--dtype goes with an --output that ends with .gguf")
    }
  }

  func work() throws {
    let source = try ModelSource.directory(model)
    let pipeline = try Pipeline(model: source, adapters: adapters.selection())
    let standIns = pipeline.missing.parameters
    let (difference, largest) = try pipeline.merge()
    if writesGGUF {
      let isPart = try ModelConversion.writeGGUF(
        of: pipeline.model, from: source, type: dtype ?? .float32, to: output)
      if isPart { note("note: \(Convert.decoderAlone)") }
      if let dtype, dtype != .float32 {
        note("note: the difference is that of merging; rounding to \(dtype.rawValue) comes on top")
      }
      if !standIns.isEmpty {
        note("note: the stand-in tokens for missing inputs stay with the adapter")
      }
    } else {
      try ModelWriter.write(pipeline.model.index, from: source, to: output) {
        try pipeline.saveSettings(to: $0)
      }
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
