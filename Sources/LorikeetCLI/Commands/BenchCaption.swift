// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet
import LorikeetBenchmarks

struct BenchCaption: WorkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "caption",
    abstract: "Times the caption of a picture, from a cold start and warm.",
    discussion: """
      cold is a process of its own from its start to its end, with the files in the system's cache; \
      warm is a caption with the model open, and below it its parts. Captions have as many tokens as \
      asked for, whatever they say.

      Examples:
        lorikeet bench caption --model vlm --tokens 32 cat.png
      """)

  @Option(help: "The model: a directory, or a name that was pulled.", completion: .directory)
  var model: String

  @Argument(help: "A PNG or JPEG file.", completion: .file(extensions: ["png", "jpg", "jpeg"]))
  var picture: String

  @Option(help: "Tokens of the caption.")
  var tokens = 16

  @OptionGroup(title: "Model options")
  var prune: PruneOption

  @Option(help: "Keep the model's weights in this type (default: as they are stored).")
  var baseDtype: BaseType?

  @Flag(help: .init("Write one caption and end.", visibility: .hidden))
  var once = false

  @OptionGroup(title: "Benchmark options")
  var bench: BenchOptions

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  func validate() throws { try BenchOptions.require(tokens, in: 1...1_000_000, "tokens") }

  func work() throws {
    let directory = try ModelSource.directory(model)
    var options = CaptionBenchmark.Options(picture: picture)
    options.tokens = tokens
    options.prune = prune.prune == "none" ? nil : prune.prune
    options.repetitions = bench.counts
    let benchmark = CaptionBenchmark(
      BenchmarkModel(.directory(directory), baseType: baseDtype), options)
    if once { return try benchmark.once() }
    var command = [
      "bench", "caption", "--once", "--model", directory, "--tokens", String(tokens), picture,
    ]
    // What there is to note has been said.
    command.append("--quiet")
    if let baseDtype { command += ["--base-dtype", baseDtype.rawValue] }
    if let prune = options.prune { command += ["--prune", prune] }
    if let threads = common.threads { command += ["--threads", String(threads)] }
    let measured = try benchmark.run(command: command)
    try BenchPrinter(json: bench.json).print(measured)
  }
}
