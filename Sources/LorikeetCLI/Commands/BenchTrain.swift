// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Lorikeet
import LorikeetBenchmarks

struct BenchTrain: WorkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Times a training step.",
    discussion: """
      The step is the trainer's own: a frozen encoder, a trained projector and LoRA on all linear \
      layers of the decoder, on noise for pictures and words. Keys of a training recipe that change \
      a step and have no option here can be set with --set.

      Examples:
        lorikeet bench train --model vlm --profile
        lorikeet bench train --decoder-shape qwen2-0.5b --visual-tokens 576 --batch 1
        lorikeet bench train --sweep tokens --cached-features --json
      """)

  @OptionGroup(title: "Model options")
  var modelOptions: BenchModelOptions

  @Option(help: "Samples of a step.")
  var batch = 8

  @Option(help: "Visual tokens of a sample, before pruning.")
  var visualTokens = 256

  @Option(help: "Text tokens of a sample, all of them to be predicted.")
  var textTokens = 32

  @OptionGroup(title: "Model options")
  var prune: PruneOption

  @Flag(help: "Take visual tokens as a feature cache has them, without the encoder.")
  var cachedFeatures = false

  @Flag(name: .customLong("encoder-lora"), help: "LoRA on the encoder's queries and values too.")
  var encoderLoRA = false

  @Option(help: "The rank of LoRA.")
  var rank = 8

  @Option(name: .customLong("set"), help: "Sets a key of the recipe, as KEY=VALUE; repeatable.")
  var changes: [String] = []

  @Flag(help: "Print where the time of a step goes, operator by operator.")
  var profile = false

  @Option(help: "Measure over growing tokens, batch, rank or layers.")
  var sweep: TrainSweep?

  @Option(
    help: "The sizes of the sweep, as 64,128 (default: some for each kind).",
    transform: { text in
      try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
        guard let size = Int(part), (1...1_000_000).contains(size) else {
          throw ValidationError("\(part) is not a size")
        }
        return size
      }
    })
  var sizes: [Int]?

  @Option(help: "What noise is drawn with.")
  var seed: UInt64 = 0

  @OptionGroup(title: "Benchmark options")
  var bench: BenchOptions

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  /// Keys of a recipe that have options here.
  private static let optionsOfKeys = [
    "model": "--model", "base_dtype": "--base-dtype", "prune": "--prune", "seed": "--seed",
    "per_device_train_batch_size": "--batch", "gradient_accumulation_steps": "--batch",
    "feature_cache": "--cached-features",
  ]

  func validate() throws {
    for change in changes {
      let key = String(change.prefix { $0 != "=" })
      if let option = Self.optionsOfKeys[key] {
        throw ValidationError("--set \(key) is \(option) here")
      }
    }
    try BenchOptions.require(batch, in: 1...4096, "batch")
    try BenchOptions.require(visualTokens, in: 1...65_536, "visual-tokens")
    try BenchOptions.require(textTokens, in: 1...65_536, "text-tokens")
    try BenchOptions.require(rank, in: 1...4096, "rank")
    if sizes != nil, sweep == nil { throw ValidationError("--sizes is for a --sweep") }
    if encoderLoRA, cachedFeatures {
      throw ValidationError("--encoder-lora needs the encoder, --cached-features leaves it out")
    }
    if sweep == .layers, modelOptions.model != nil {
      throw ValidationError("--sweep layers is for random weights, without --model")
    }
  }

  func work() throws {
    var options = TrainBenchmark.Options()
    options.batch = batch
    options.visualTokens = visualTokens
    options.textTokens = textTokens
    options.prune = prune.prune == "none" ? nil : prune.prune
    options.cachesFeatures = cachedFeatures
    options.encoderLoRA = encoderLoRA
    options.rank = rank
    options.changes = changes
    options.repetitions = bench.counts
    options.profiles = profile
    options.seed = seed
    let model = try modelOptions.source()
    // What cannot run is said before anything is measured.
    _ = try TrainingRecipe(path: nil, changes: changes)
    for size in sizes ?? sweep?.sizes ?? [] {
      var (model, options) = (model, options)
      try sweep?.apply(size, &model, &options)
    }
    guard let sweep else {
      let benchmark = try TrainBenchmark(model, options)
      let printer = try BenchPrinter(json: bench.json)
      let result = try benchmark.run()
      try printer.print([result.measurement])
      try printProfile(result)
      return
    }
    let printer = try BenchPrinter(json: bench.json)
    var measurements: [MeasuredWork] = []
    for size in sizes ?? sweep.sizes {
      var (model, options) = (model, options)
      try sweep.apply(size, &model, &options)
      note("\(sweep.rawValue) \(size)")
      var measurement: MeasuredWork
      do {
        measurement = try TrainBenchmark(model, options).run().measurement
      } catch {
        // What was measured before is not lost.
        if !measurements.isEmpty { try printer.print(measurements) }
        throw error
      }
      measurement.name = "\(sweep.rawValue) \(size)"
      measurement.settings.append("sweep", .string(sweep.rawValue))
      measurement.settings.append("size", .int(size))
      if bench.json { try printer.print([measurement]) } else { measurements.append(measurement) }
    }
    if !bench.json { try printer.print(measurements) }
  }

  /// Seconds, share and GFLOP/s of each operator, the costliest first.
  private func printProfile(_ result: TrainBenchmark.Result) throws {
    guard profile else { return }
    let steps = Double(result.steps)
    let total = result.profile.reduce(0) { $0 + $1.forward.seconds + $1.backward.seconds }
    let entries = result.profile.sorted {
      $0.forward.seconds + $0.backward.seconds > $1.forward.seconds + $1.backward.seconds
    }
    if bench.json {
      for entry in entries {
        var line: JSONLine = [
          "work": "train", "name": "operator", "section": .string(entry.section),
          "operator": .string(entry.name),
          "share": .double((entry.forward.seconds + entry.backward.seconds) / total),
        ]
        for (name, cost) in [("forward", entry.forward), ("backward", entry.backward)] {
          line.append("\(name)_calls", .double(Double(cost.calls) / steps))
          line.append("\(name)_seconds", .double(cost.seconds / steps))
          line.append("\(name)_gflop", .double(Double(cost.operations) / steps / 1e9))
        }
        try StandardOutput.line(line)
      }
      return
    }
    func rate(_ cost: Profiler.Cost) -> String {
      cost.operations > 0 && cost.seconds > 0
        ? BenchPrinter.number(Double(cost.operations) / cost.seconds / 1e9) : "-"
    }
    let heads = [
      "", "share", "calls", "forward", "GFLOP/s", "backward", "GFLOP/s", "GFLOP",
    ]
    let rows = entries.map { entry in
      [
        "\(entry.section) \(entry.name)",
        BenchPrinter.share((entry.forward.seconds + entry.backward.seconds) / total),
        String(entry.forward.calls / max(result.steps, 1)),
        BenchPrinter.time(entry.forward.seconds / steps), rate(entry.forward),
        BenchPrinter.time(entry.backward.seconds / steps), rate(entry.backward),
        BenchPrinter.number(
          Double(entry.forward.operations + entry.backward.operations) / steps / 1e9),
      ]
    }
    for line in TextTable.lines([heads] + rows) { try StandardOutput.line(line) }
  }
}
