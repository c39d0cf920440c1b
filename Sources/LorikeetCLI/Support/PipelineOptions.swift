// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Lorikeet

/// Which model works, with which adapter.
struct PipelineOptions: ParsableArguments {
  @Option(help: "The model: a directory, or a name that was pulled.", completion: .directory)
  var model: String

  @OptionGroup
  var adapters: AdapterOptions

  @Option(help: "Keep the model's weights in this type (default: as they are stored).")
  var baseDtype: BaseType?

  /// Opens the model and its adapter.
  func open() throws -> Pipeline {
    try Pipeline(
      model: ModelSource.directory(model), adapters: adapters.selection(), baseType: baseDtype)
  }
}

/// Which adapters work, and how.
struct AdapterOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "An adapter: a directory that finetune, PEFT or MLX has written; NAME=DIR to name one of several.",
      valueName: "dir"), completion: .directory)
  var adapter: [String] = []

  @Option(
    help: ArgumentHelp(
      "The adapters that act, of several: names separated by commas, NAME=WEIGHT for a mixture.",
      valueName: "names"))
  var active: String?

  @Option(help: "How active adapters become one: cat, linear, svd or svd:RANK, as in PEFT.")
  var combine: AdapterCombination?

  private var choices: [AdapterSelection.Active?] {
    (active ?? "").split(separator: ",", omittingEmptySubsequences: false)
      .map { AdapterSelection.Active(text: $0.trimmingCharacters(in: .whitespaces)) }
  }

  func validate() throws {
    guard !adapter.isEmpty || active == nil && combine == nil else {
      throw ValidationError("--active and --combine need --adapter")
    }
    guard active == nil || !choices.contains(where: { $0 == nil }) else {
      throw ValidationError("--active is \(active ?? ""), expected NAME or NAME=WEIGHT, ...")
    }
  }

  /// What was asked for; nil for no adapter.
  func selection() throws -> AdapterSelection? {
    guard !adapter.isEmpty else { return nil }
    let sources = try adapter.map { text in
      var source = AdapterSelection.Source(text: text)
      source.directory = try ModelSource.adapter(source.directory)
      return source
    }
    return AdapterSelection(
      sources, active: active == nil ? [] : choices.compactMap { $0 }, combination: combine)
  }
}

/// How visual tokens are pruned.
struct PruneOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Keep fewer visual tokens, as fopru-rank:0.25 (methods: \(Self.methods)); none for all, \
      whatever the adapter says.
      """, valueName: "method:amount"))
  var prune: String?

  static var methods: String { TokenPruners.all.map { $0.name }.joined(separator: ", ") }

  func validate() throws {
    guard let prune, prune != "none" else { return }
    do { _ = try PruningSpecification(prune) } catch { throw ValidationError("\(error)") }
  }

  /// Sets a pipeline as asked.
  func apply(to pipeline: Pipeline) throws {
    guard let prune else { return }
    pipeline.pruning = prune == "none" ? nil : try PruningSpecification(prune)
  }
}
