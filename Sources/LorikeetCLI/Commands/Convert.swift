// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Lorikeet

struct Convert: WorkingCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes a model with its weights in another type, or an adapter in another format.",
    discussion: """
      The output of a model is a Hugging Face directory (float32, bfloat16, float16, nf4), or, if its name ends \
      with .gguf, a file for llama.cpp (float32, bfloat16, float16, q8_0, q4_0, q4_1; text decoders \
      of the Llama family, and of a vision-language model such a decoder alone). nf4 is stored as bitsandbytes stores it. The output appears when it is \
      complete.

      With --adapter the adapter is written as LoRA, for PEFT, for MLX, or as GGUF for llama.cpp (text \
      decoders of the Llama family). --rank or --energy cut it down by its singular values; DoRA and \
      (IA)^3, which change weights in full rank, need one of the two to become LoRA. What is lost is \
      printed, relative to what the adapter changes.

      Examples:
        lorikeet convert --model smollm2-135m-instruct --dtype nf4 \\
          --output smollm2-nf4
        lorikeet convert --model smollm2-135m-instruct --dtype q8_0 \\
          --output smollm2.gguf
        lorikeet convert --model smollm2-135m-instruct --adapter run \\
          --to gguf --output lora.gguf
        lorikeet convert --model vlm --adapter dora --to peft \\
          --energy 0.99 --output lora
      """)

  @Option(help: "The model: a directory, or a name that pull knows.", completion: .directory)
  var model: String

  @Option(help: "Where it is written: a directory, or FILE.gguf.", completion: .file())
  var output: String

  @Option(help: "The type of a model's weights.")
  var dtype: BaseType?

  @Option(
    help: "How long a file of weights may be, as 500MB or 5GB; more go to several (default: 50GB).")
  var maxShardSize: ByteSize?

  @OptionGroup
  var adapters: AdapterOptions

  @Option(help: "The format of an adapter.")
  var to: AdapterFormat?

  @Option(help: "Keep an adapter's largest singular values: so many in each layer.")
  var rank: Int?

  @Option(help: "Keep as many as have this share of the sum of their squares, as 0.99.")
  var energy: Double?

  @Flag(help: "Print one JSON object a line.")
  var json = false

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  /// What is to be said about a file that has not all of a model.
  static let decoderAlone = "the file has the text decoder, not the image encoder and the projector"
  func validate() throws {
    if adapters.adapter.isEmpty {
      guard dtype != nil else {
        throw ValidationError("Missing expected argument '--dtype <dtype>'")
      }
      guard maxShardSize == nil || !output.hasSuffix(".gguf") else {
        throw ValidationError("--max-shard-size is for directories, not for .gguf")
      }
      guard to == nil, rank == nil, energy == nil else {
        throw ValidationError("--to, --rank and --energy need --adapter")
      }
    } else {
      guard to != nil else { throw ValidationError("Missing expected argument '--to <to>'") }
      guard dtype == nil, maxShardSize == nil else {
        throw ValidationError("--dtype and --max-shard-size are for models, not for --adapter")
      }
      guard rank == nil || energy == nil else {
        throw ValidationError("--rank and --energy are not used together")
      }
      if let rank, rank < 1 { throw ValidationError("--rank is \(rank), expected 1 or more") }
      if let energy, !(energy > 0 && energy <= 1) {
        throw ValidationError("--energy is \(energy), expected more than 0, up to 1")
      }
    }
  }

  func work() throws {
    let source = try ModelSource.directory(model)
    if let selection = try adapters.selection(), let to {
      return try convert(selection, to, source)
    }
    guard let dtype else { return }
    if output.hasSuffix(".gguf") {
      let isPart = try ModelConversion.writeGGUF(model: source, type: dtype, to: output)
      if isPart { note("note: \(Self.decoderAlone)") }
    } else {
      try ModelConversion.writeDirectory(
        model: source, type: dtype, to: output,
        maxShardSize: maxShardSize?.bytes ?? 50_000_000_000)
    }
    try json ? StandardOutput.line(["output": .string(output)]) : StandardOutput.line(output)
  }

  private func convert(
    _ selection: AdapterSelection, _ format: AdapterFormat, _ source: String
  ) throws {
    let truncation = rank.map { AdapterTruncation.rank($0) } ?? energy.map { .energy($0) }
    let reports = try ModelConversion.writeAdapter(
      model: source, selection, to: format, truncation, output: output)
    for (name, report) in reports {
      try json ? printJSON(name, report) : printText(name, report, of: reports.count)
    }
    if !json { try StandardOutput.line(output) }
  }

  private func printText(_ name: String, _ report: ConversionReport, of count: Int) throws {
    if count > 1 { try StandardOutput.line("adapter \(name)") }
    func ranks(_ range: ClosedRange<Int>) -> String {
      range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
    }
    func error(_ value: Double) -> String { String(format: "%.3g", value) }
    let rows = report.groups.map {
      [$0.name, "\($0.modules)", ranks($0.ranks), error($0.error)]
    }
    let all = report.groups.reduce(0) { $0 + $1.modules }
    for line in TextTable.lines(
      [["layers", "count", "rank", "relative error"]] + rows
        + [["all", "\(all)", "", error(report.error)]])
    {
      try StandardOutput.line(line)
    }
  }

  private func printJSON(_ name: String, _ report: ConversionReport) throws {
    try StandardOutput.line([
      "output": .string(output), "adapter": .string(name), "relative_error": .double(report.error),
      "groups": .array(
        report.groups.map { group in
          .object([
            "name": .string(group.name), "layers": .int(group.modules),
            "smallest_rank": .int(group.ranks.lowerBound),
            "largest_rank": .int(group.ranks.upperBound), "relative_error": .double(group.error),
          ])
        }),
    ])
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

}
