// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet

struct Convert: WorkingCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes a model with its weights in another type.",
    discussion: """
      The output is a Hugging Face directory (float32, bfloat16, float16, nf4), or, if its name ends \
      with .gguf, a file for llama.cpp (float32, bfloat16, float16, q8_0, q4_0, q4_1; text decoders \
      of the Llama family, and of a vision-language model such a decoder alone). nf4 is stored as bitsandbytes stores it. The output appears when it is \
      complete.

      Examples:
        lorikeet convert --model smollm2-135m-instruct --dtype bfloat16 --output smollm2-bf16
        lorikeet convert --model smollm2-135m-instruct --dtype nf4 --output smollm2-nf4
        lorikeet convert --model smollm2-135m-instruct --dtype q8_0 --output smollm2.gguf
      """)

  @Option(help: "The model: a directory, or a name that pull knows.", completion: .directory)
  var model: String

  @Option(help: "The type of the weights.")
  var dtype: BaseType

  @Option(help: "Where the model is written: a directory, or FILE.gguf.", completion: .file())
  var output: String

  @Option(help: "How long a file of weights may be, as 500MB or 5GB; more go to several files.")
  var maxShardSize: ByteSize = ByteSize(bytes: 50_000_000_000)

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  /// What is to be said about a file that has not all of a model.
  static let decoderAlone = "the file has the text decoder, not the image encoder and the projector"

  func work() throws {
    let source = try ModelSource.directory(model)
    if output.hasSuffix(".gguf") {
      let isPart = try ModelConversion.writeGGUF(model: source, type: dtype, to: output)
      if isPart { note("note: \(Self.decoderAlone)") }
    } else {
      try ModelConversion.writeDirectory(
        model: source, type: dtype, to: output, maxShardSize: maxShardSize.bytes)
    }
    try StandardOutput.line(output)
  }
}

/// A number of bytes: `1000`, `200KB`, `500MB`, `5GB` (powers of ten, as transformers counts).
struct ByteSize: ExpressibleByArgument {
  let bytes: Int

  init(bytes: Int) { self.bytes = bytes }

  init?(argument: String) {
    let text = argument.uppercased()
    let units = [("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("", 1)]
    guard let (unit, factor) = units.first(where: { text.hasSuffix($0.0) }),
      let count = Int(text.dropLast(unit.count)), count > 0
    else { return nil }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: factor)
    guard !overflow else { return nil }
    self.bytes = bytes
  }

  var defaultValueDescription: String { "\(bytes / 1_000_000_000)GB" }
}
