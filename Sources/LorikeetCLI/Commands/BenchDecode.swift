// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet
import LorikeetBenchmarks

struct BenchDecode: WorkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode",
    abstract: "Times a prompt and the tokens after it.",
    discussion: """
      A token has to read every weight of the decoder once; its share of the memory's speed says how \
      near it comes to that roof.

      Examples:
        lorikeet bench decode --model vlm
        lorikeet bench decode --decoder-shape qwen2-0.5b --prompt-tokens 608
      """)

  @OptionGroup(title: "Model options")
  var modelOptions: BenchModelOptions

  @Option(help: "Tokens of the prompt.")
  var promptTokens = 288

  @Option(help: "Tokens that follow the first one.")
  var tokens = 64

  @Option(help: "What the prompt is drawn with.")
  var seed: UInt64 = 0

  @Option(help: "Keep keys and values of earlier tokens in this type.")
  var cacheDtype = KeyValueCacheType.float32

  @OptionGroup(title: "Benchmark options")
  var bench: BenchOptions

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  func validate() throws {
    try BenchOptions.require(promptTokens, in: 1...1_000_000, "prompt-tokens")
    try BenchOptions.require(tokens, in: 1...1_000_000, "tokens")
  }

  func work() throws {
    var options = DecodeBenchmark.Options()
    options.promptTokens = promptTokens
    options.tokens = tokens
    options.repetitions = bench.counts
    options.seed = seed
    options.cacheType = cacheDtype
    let benchmark = try DecodeBenchmark(modelOptions.source(), options)
    try BenchPrinter(json: bench.json).print(try benchmark.run())
  }
}
