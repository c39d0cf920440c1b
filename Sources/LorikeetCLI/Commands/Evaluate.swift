// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Lorikeet

struct Evaluate: WorkingCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures a model on a data set, also with inputs missing and tokens pruned.",
    discussion: """
      The clean condition comes first; every --missing and every --prune adds conditions, all \
      pairs of them. Which samples lose what is drawn by seed, and the rates that come about are \
      printed and kept. --report writes report.html, its plots, results.json, samples.jsonl \
      and the masks.

      Examples:
        lorikeet evaluate --model stamps-vlm --adapter runs/stamps \\
          --data tuxpaint-stamps --task caption --shuffle-images --report report
        lorikeet evaluate --model stamps-vlm --adapter runs/stamps \\
          --data tuxpaint-stamps --task classify --report robustness \\
          --missing image=0.5 image=1 text=1 image=0.5,text=0.5
        lorikeet evaluate --model stamps-vlm --adapter runs/stamps \\
          --data tuxpaint-stamps --task classify --inputs image \\
          --prune none fopru-rank:0.5 fopru-rank:0.25 random:0.25
      """)

  @OptionGroup(title: "Model options")
  var pipelineOptions: PipelineOptions

  @Option(help: "The data set: a directory or file, or a pulled name.", completion: .directory)
  var data: String

  @Option(help: "The split to measure on (default: test, else validation, else all).")
  var split: String?

  @Option(help: "caption (text of the picture) or classify (label of picture and text).")
  var task: EvaluationTask

  @Option(
    help: ArgumentHelp(
      "What classify may use: image, text or image,text; the rest counts as missing.",
      valueName: "inputs"))
  var inputs: InputsArgument?

  @Option(
    help: ArgumentHelp("Labels to choose from.", valueName: "a,b,c"))
  var labels: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Take inputs away at these rates, as image=0.3,text=0.7; several.",
      valueName: "rates"))
  var missing: [MissingArgument] = []

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Prune visual tokens, as fopru-rank:0.25, or none; several.", valueName: "method:amount"))
  var prune: [String] = []

  @Flag(help: "Add a control: the pictures shuffled among the samples.")
  var shuffleImages = false

  @Flag(inversion: .prefixedNo, help: "Write captions, or measure their loss alone.")
  var generate = true

  @Option(help: "The most tokens of a caption.")
  var maxTokens = 48

  @Option(help: "Use so many samples at the most, drawn by seed.")
  var limit: Int?

  @Option(help: "Samples that go through the model together.")
  var batchSize = 16

  @Option(help: "What masks, shuffling, the gallery and intervals are drawn with.")
  var seed: UInt64 = 0

  @Flag(help: "Stop at a picture that cannot be read, instead of leaving its sample out.")
  var strict = false

  @Option(
    help: "The directory to write; new, empty, or an earlier report to replace.",
    completion: .directory)
  var report: String?

  @Option(help: "Samples that the report shows.")
  var shown = 12

  @Flag(help: "Print one JSON object for each condition.")
  var json = false

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  func validate() throws {
    for (name, value) in [
      ("--max-tokens", maxTokens), ("--batch-size", batchSize), ("--limit", limit ?? 1),
    ] where value < 1 {
      throw ValidationError("\(name) is \(value), expected 1 or more")
    }
    guard (0...1000).contains(shown) else {
      throw ValidationError("--shown is \(shown), expected 0 to 1000")
    }
    do { try options.validate() } catch { throw ValidationError("\(error)") }
  }

  private var options: EvaluationOptions {
    var options = EvaluationOptions(task: task)
    if let inputs { options.inputs = inputs.inputs }
    options.missing = missing.map(\.spec)
    options.prunings = prune.map { $0 == "none" ? nil : $0 }
    options.shufflesImages = shuffleImages
    options.generates = generate
    options.maxTokens = maxTokens
    options.batchSize = batchSize
    options.seed = seed
    options.isStrict = strict
    options.shownSamples = shown
    options.labels = (labels ?? "").split(separator: ",")
      .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    return options
  }

  func work() throws {
    let directory = report.map { EvaluationDirectory($0) }
    try directory?.requireWritable()
    let pipeline = try pipelineOptions.open()
    let whole = try Dataset(path: try ModelSource.dataset(data))
    let (split, dataset) = try chosen(whole)
    var options = options
    if options.labels.isEmpty, pipeline.settings.labels.isEmpty { options.labels = whole.labels }

    let bar = common.quiet ? nil : LazyBar(label: "evaluate")
    let evaluation = try Evaluator(pipeline, options).run(on: dataset) { event in
      switch event {
      case .progress(let done, let total, let samples):
        bar?.update(done: done, total: total, samples: samples)
      case .warning(let text):
        bar?.message("warning: \(text)") ?? StandardError.line("warning: \(text)")
      case .condition(let condition, let effective):
        guard condition.missing != .complete else { return }
        bar?.message(
          "\(condition.name): effective rates image \(fixed(effective.image)), "
            + "text \(fixed(effective.text))")
      }
    }
    bar?.finish()
    let results = try evaluation.results(
      model: pipelineOptions.model, adapter: pipelineOptions.adapters.selection()?.description,
      dataset: whole.name,
      split: split)
    for (reason, count) in results.skipped.sorted(by: { $0.key < $1.key }) {
      note("left out \(count) samples: \(reason)")
    }
    if let directory {
      let page = EvaluationReport(
        evaluation, results, pictures: ReportPictures(processor: pipeline.processor.imageProcessor)
      ).report(shown: shown, footer: "Lorikeet \(Release.version)")
      try directory.write(evaluation, results, page)
      note("\(directory.path): report.html, results.json, samples.jsonl")
    }
    try print(results)
  }

  /// The split asked for, or the first that there is of test and validation, or everything.
  private func chosen(_ whole: Dataset) throws -> (name: String, samples: Dataset) {
    let counts = whole.splitCounts
    let name = split ?? ["test", "validation"].first { counts[$0] != nil } ?? "all"
    var samples = name == "all" ? whole : whole.split(name)
    guard !samples.samples.isEmpty else {
      let known = counts.keys.sorted().joined(separator: ", ")
      throw ConfigurationError(path: data, "has no samples in the split \(name); splits: \(known)")
    }
    if let limit, limit < samples.samples.count {
      var order = Array(samples.samples.indices)
      var random = RandomStream.derive(seed: seed, label: "limit")
      random.shuffle(&order)
      let picked = order.prefix(limit).sorted().map { samples.samples[$0] }
      samples = Dataset(name: samples.name, directory: samples.directory, samples: picked)
    }
    return (name, samples)
  }

  private func print(_ results: EvaluationResults) throws {
    let metrics = results.measured
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      for item in results.conditions {
        try StandardOutput.line(String(decoding: try encoder.encode(item), as: UTF8.self))
      }
      return
    }
    var rows = [["condition"] + metrics.map(\.title) + ["samples/s"]]
    for item in results.conditions {
      rows.append(
        [item.name]
          + metrics.map { metric in
            let estimate = item.metrics[metric]
            guard let value = estimate?.value else { return "-" }
            guard let lower = estimate?.lower, let upper = estimate?.upper,
              metric == results.mainMetric || metric == .loss
            else { return fixed(value) }
            return "\(fixed(value)) [\(fixed(lower)), \(fixed(upper))]"
          } + [fixed(item.samplesPerSecond)])
    }
    for line in TextTable.lines(rows) { try StandardOutput.line(line) }
    for item in results.conditions {
      guard let difference = item.lossDifference, let value = difference.value else { continue }
      let bounds = "[\(fixed(difference.lower ?? .nan)), \(fixed(difference.upper ?? .nan))]"
      try StandardOutput.line("\(item.name): loss \(fixed(value)) \(bounds) above clean")
    }
  }

  private func fixed(_ value: Double) -> String { String(format: "%.3f", value) }
}

/// Rates on the command line.
struct MissingArgument: ExpressibleByArgument {
  let spec: MissingSpec

  init?(argument: String) {
    guard let spec = try? MissingSpec(parsing: argument) else { return nil }
    self.spec = spec
  }
}

/// Inputs on the command line.
struct InputsArgument: ExpressibleByArgument {
  let inputs: EvaluationInputs

  init?(argument: String) {
    var inputs: EvaluationInputs = []
    for name in argument.split(separator: ",", omittingEmptySubsequences: false) {
      switch name {
      case "image": inputs.insert(.image)
      case "text": inputs.insert(.text)
      default: return nil
      }
    }
    self.inputs = inputs
  }
}
