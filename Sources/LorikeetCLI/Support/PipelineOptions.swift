// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet

/// Which model works, with which adapter.
struct PipelineOptions: ParsableArguments {
  @Option(help: "The model: a directory, or a name that was pulled.", completion: .directory)
  var model: String

  @Option(
    help: "An adapter: a directory that finetune or PEFT has written.", completion: .directory)
  var adapter: String?

  @Option(help: "Keep the model's weights in this type (default: as they are stored).")
  var baseDtype: BaseType?

  /// Opens the model and its adapter.
  func open() throws -> Pipeline {
    try Pipeline(
      model: ModelSource.directory(model), adapter: adapter.map { try ModelSource.adapter($0) },
      baseType: baseDtype)
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
