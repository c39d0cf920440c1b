// SPDX-License-Identifier: Apache-2.0

internal import LorikeetDatasets

/// Lays an evaluation out as a page.
public struct EvaluationReport {
  private let evaluation: Evaluation
  private let results: EvaluationResults
  private let pictures: ReportPictures

  /// - Parameters:
  ///   - pictures: makes the small pictures that the page shows.
  public init(
    _ evaluation: Evaluation, _ results: EvaluationResults, pictures: ReportPictures
  ) {
    self.evaluation = evaluation
    self.results = results
    self.pictures = pictures
  }

  private var main: EvaluationMetric { results.mainMetric }
  private var prunings: [String?] {
    var list: [String?] = []
    for item in results.conditions where !list.contains(item.pruning) { list.append(item.pruning) }
    return list
  }

  /// The page.
  ///
  /// - Parameters:
  ///   - shown: how many samples the gallery has.
  ///   - footer: a line at the end, for versions.
  public func report(shown: Int, footer: String) -> Report {
    let what = results.task == .caption ? "Captions" : "Labels"
    return Report(
      title: "\(what) of \(results.dataset)",
      subtitle: [results.model, results.adapter].compactMap { $0 }.joined(separator: " with "),
      sections: [
        Report.Section("Results", overview), Report.Section("Missing inputs", missing),
        Report.Section("Pruned visual tokens", pruned),
        Report.Section("Confusion", confusion),
        Report.Section("Samples", samples(shown)),
      ].filter { !$0.blocks.isEmpty },
      footer: footer)
  }

  // MARK: Numbers

  private var overview: [Report.Block] {
    var facts: [Report.Fact] = [
      Report.Fact("Task", results.task.rawValue),
      Report.Fact("Inputs", results.inputs.joined(separator: " and ")),
      Report.Fact("Split", results.split),
      Report.Fact("Samples", "\(results.samples)"),
      Report.Fact("Seed", "\(results.seed)"),
    ]
    if !results.labels.isEmpty { facts.append(Report.Fact("Labels", "\(results.labels.count)")) }
    for (reason, count) in results.skipped.sorted(by: { $0.key < $1.key }) {
      facts.append(Report.Fact("Left out: \(reason)", "\(count)"))
    }
    var blocks: [Report.Block] = [.facts(facts), .table(table)]
    if let shuffled = results.conditions.first(where: \.shuffled),
      let difference = shuffled.lossDifference, let value = difference.value
    {
      let format = NumberFormat.fixed(3)
      let bounds =
        difference.lower.flatMap { lower in
          difference.upper.map { " (\(format.string(lower)) – \(format.string($0)))" }
        } ?? ""
      let isSeen = (difference.lower ?? -1) > 0
      blocks.append(
        .paragraph(
          "With the pictures shuffled among the samples the loss changes by "
            + "\(format.string(value))\(bounds) nats per token: "
            + (isSeen
              ? "so much of it rests on the right picture."
              : "no use of the right picture can be told from chance.")))
    }
    return blocks
  }

  private var table: Report.Table {
    let metrics = results.measured
    var columns: [Report.Table.Column] = [.text("Condition")]
    columns += metrics.map { .number($0.title, $0.format) }
    let hasRobustness = results.conditions.contains { $0.relativeRobustness != nil }
    if hasRobustness { columns.append(.number("Left of clean", .percent(0))) }
    let hasDifference = results.conditions.contains { $0.lossDifference != nil }
    if hasDifference { columns.append(.number("Loss difference")) }
    columns.append(.number("Samples/s", .fixed(2)))
    let rows = results.conditions.map { item -> [Report.Table.Cell] in
      var cells: [Report.Table.Cell] = [.text(item.name)]
      cells += metrics.map { metric in
        guard let estimate = item.metrics[metric], let value = estimate.value else { return .empty }
        let isPlain = estimate.lower == nil || (metric != main && metric != .loss)
        return isPlain ? .number(value) : .interval(estimate.interval)
      }
      if hasRobustness { cells.append(item.relativeRobustness.map { .number($0) } ?? .empty) }
      if hasDifference {
        cells.append(item.lossDifference.map { .interval($0.interval) } ?? .empty)
      }
      cells.append(.number(item.samplesPerSecond))
      return cells
    }
    return Report.Table(
      note: "Intervals hold 95 % of the values of \(results.resamples) bootstrap samples. Loss in "
        + "nats per token of the reference. Missing rates are those asked for; results.json has the "
        + "ones that came about, and the intervals of the other columns.", columns: columns,
      rows: rows)
  }

  // MARK: Missing inputs

  private var missing: [Report.Block] {
    let items = results.conditions.filter { !$0.shuffled }
    guard items.contains(where: { !$0.isClean }) else { return [] }
    return [curves(items)].compactMap { $0 } + grids(items)
  }

  /// The main metric against the rate at which one input, or both, is missing.
  private func curves(_ items: [ConditionResult]) -> Report.Block? {
    let kinds: [(name: String, rate: (ConditionResult.Rates) -> Double?)] = [
      ("image missing", { $0.text == 0 ? $0.image : nil }),
      ("text missing", { $0.image == 0 ? $0.text : nil }),
      ("both missing", { $0.image == $0.text ? $0.image : nil }),
    ]
    var series: [Report.LinePlot.Series] = []
    for pruning in prunings {
      for kind in kinds {
        let points = items.filter { $0.pruning == pruning }
          .compactMap { item in
            kind.rate(item.missing).map { Report.LinePlot.Point($0, item.interval(main)) }
          }.sorted { $0.x < $1.x }
        guard Set(points.map(\.x)).count > 1 else { continue }
        let suffix = prunings.count > 1 ? ", \(pruning ?? "unpruned")" : ""
        series.append(.init(kind.name + suffix, points))
      }
    }
    guard !series.isEmpty else { return nil }
    return .linePlot(
      Report.LinePlot(
        title: "\(main.title) against missing inputs", note: "Bands are 95 % intervals.",
        xName: "share of samples without the input", yName: main.title, series: series,
        xFormat: .percent(0), yFormat: main.format, xRange: 0...1))
  }

  /// The main metric over both rates, where conditions with both were measured.
  private func grids(_ items: [ConditionResult]) -> [Report.Block] {
    prunings.compactMap { pruning in
      let items = items.filter { $0.pruning == pruning }
      let images = Set(items.map(\.missing.image)).sorted()
      let texts = Set(items.map(\.missing.text)).sorted()
      guard images.count > 1, texts.count > 1,
        items.contains(where: { $0.missing.image > 0 && $0.missing.text > 0 })
      else { return nil }
      let cells = images.map { image in
        texts.map { text in
          items.first { $0.missing.image == image && $0.missing.text == text }
        }
      }
      let format = NumberFormat.percent(0)
      return .heatMap(
        Report.HeatMap(
          title: "\(main.title) over both rates" + (pruning.map { ", \($0)" } ?? ""),
          rowName: "image missing", columnName: "text missing",
          rows: images.map { format.string($0) }, columns: texts.map { format.string($0) },
          values: cells.map { $0.map { $0?.value(main) } },
          intervals: cells.map { $0.map { $0?.interval(main) } }, format: main.format))
    }
  }

  // MARK: Pruning

  private var pruned: [Report.Block] {
    var blocks: [Report.Block] = []
    let clean = results.conditions.filter(\.isClean)
    if clean.count > 1 {
      let byTokens = curve(clean) { item in item.tokens.map { $0.kept / $0.total } }
      let byTime = curve(clean) { $0.seconds.sample }
      blocks.append(
        .group([
          .linePlot(
            Report.LinePlot(
              title: "\(main.title) against tokens kept", note: "Bars are 95 % intervals.",
              xName: "share of visual tokens kept", yName: main.title, series: byTokens,
              xFormat: .percent(0), yFormat: main.format)),
          .linePlot(
            Report.LinePlot(
              title: "\(main.title) against time",
              note: "Seconds from pixels to the answer of one sample, the encoder included.",
              xName: "seconds a sample", yName: main.title, series: byTime, yFormat: main.format)),
        ]))
    }
    let patches = evaluation.patches.compactMap { item in
      pictures.patches(evaluation.samples[item.sample], item)
    }
    if !patches.isEmpty {
      blocks.append(
        .patchPictures(
          patches, title: "What is left",
          note: "Pictures as the encoder sees them; pruned patches are dark."))
    }
    return blocks
  }

  /// A line for each method, in the order of the amount; unpruned is a point of its own.
  private func curve(
    _ items: [ConditionResult], _ x: (ConditionResult) -> Double?
  ) -> [Report.LinePlot.Series] {
    var names: [String] = []
    var points: [String: [Report.LinePlot.Point]] = [:]
    for item in items {
      guard let place = x(item) else { continue }
      let parts = item.pruning?.split(separator: ":", maxSplits: 1) ?? []
      let name = parts.first.map { String($0) } ?? "unpruned"
      if points[name] == nil { names.append(name) }
      let label = parts.count > 1 ? String(parts[1]) : ""
      points[name, default: []].append(.init(place, item.interval(main), label: label))
    }
    return names.map { .init($0, (points[$0] ?? []).sorted { $0.x < $1.x }) }
  }

  // MARK: Samples

  private var confusion: [Report.Block] {
    guard let item = results.conditions.first, let confusion = item.confusion else { return [] }
    let classes = Report.Table(
      columns: [
        .text("Label"), .number("Precision"), .number("Recall"), .number("F1"),
        .number("Samples", .fixed(0)),
      ],
      rows: confusion.classes.map { item in
        [
          .text(item.label), .number(item.precision), .number(item.recall), .number(item.f1),
          .number(Double(item.support)),
        ]
      })
    var blocks: [Report.Block] = []
    if let matrix = evaluation.confusion(of: 0) {
      blocks.append(
        .confusion(
          matrix, title: "Labels, \(item.name)",
          note: "Colour is the share of the true label's samples."))
    }
    return blocks + [.table(classes)]
  }

  private func samples(_ shown: Int) -> [Report.Block] {
    guard let first = evaluation.conditions.first else { return [] }
    let items = evaluation.shown(shown).map { index -> Report.Gallery.Item in
      let sample = evaluation.samples[index]
      let outcome = first.outcomes[index]
      var texts = [
        Report.Fact(
          "Reference", (results.task == .caption ? sample.text : sample.label) ?? "")
      ]
      if let prediction = outcome.prediction {
        texts.append(Report.Fact("Prediction", prediction.isEmpty ? "(nothing)" : prediction))
      }
      if outcome.hasText, let text = sample.text { texts.append(Report.Fact("Text", text)) }
      texts += others(index, than: outcome)
      return Report.Gallery.Item(
        picture: outcome.hasImage ? pictures.thumbnail(sample) : nil, heading: sample.id,
        texts: texts, isRight: evaluation.isRight(index, outcome),
        scores: [Report.Fact("loss", NumberFormat.fixed(2).string(outcome.loss.mean))])
    }
    guard !items.isEmpty else { return [] }
    return [
      .gallery(
        Report.Gallery(
          note: "Drawn by seed \(results.seed), not chosen; condition: \(first.condition.name).",
          items: items))
    ]
  }

  /// What the model says to a sample of the first condition where inputs are missing.
  private func others(_ index: Int, than outcome: SampleOutcome) -> [Report.Fact] {
    var facts: [Report.Fact] = []
    for other in evaluation.conditions.dropFirst()
    where other.condition.pruning == evaluation.conditions.first?.condition.pruning {
      let changed = other.outcomes[index]
      let lost =
        (outcome.hasImage && !changed.hasImage ? ["image"] : [])
        + (outcome.hasText && !changed.hasText ? ["text"] : [])
      let name = "Without the " + lost.joined(separator: " and ")
      guard !lost.isEmpty, let prediction = changed.prediction,
        !facts.contains(where: { $0.name == name })
      else { continue }
      facts.append(Report.Fact(name, prediction.isEmpty ? "(nothing)" : prediction))
    }
    return facts
  }
}
