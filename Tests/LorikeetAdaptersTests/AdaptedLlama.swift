// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAdapters
import LorikeetAutograd
import LorikeetCheckpoints
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTextDecoders

/// The base model of a case of Tests/Fixtures/adapters with its inputs.
struct AdaptedLlama {
  let reference: ReferenceCase
  let index = ModuleIndex()
  let model: TransformerDecoder
  let ids: [Int]

  init(_ name: String) throws {
    reference = try ReferenceCase(name)
    let reader = CheckpointReader(try Checkpoint(directory: reference.modelDirectory))
    let scope = LayerScope(.checkpoint(reader), index: index)
    model = TransformerDecoder(
      try reference.configuration(TextDecoderConfiguration.self), model: scope.scoped("model"),
      head: scope)
    try reader.finish()
    ids = try reference.inputIntegers("input_ids")
  }

  func adapter() throws -> Adapter {
    try Adapter(name: "default", directory: reference.adapterDirectory, attachingTo: index)
  }

  /// - Parameter rows: the rows that are wanted; nil for all.
  func hidden(
    _ ids: [Int], _ tape: Tape, modalities: ModalityLayout? = nil, rows: [Int]? = nil
  ) -> Variable {
    let context = ForwardContext(
      tape: tape, segments: [AttentionSegment(queries: 0..<ids.count, keys: 0..<ids.count)],
      positions: Array(0..<ids.count),
      modalities: modalities ?? ModalityLayout(.text, rows: ids.count))
    return model.hiddenStates(model.embed(ids, tape), context, rows: rows)
  }

  func logits(modalities: ModalityLayout? = nil) -> [Float] {
    let tape = Tape.inference
    return model.logits(hidden(ids, tape, modalities: modalities), tape).value.values
  }

  func loss(_ tape: Tape, modalities: ModalityLayout? = nil) throws -> Variable {
    let labels = try reference.inputIntegers("labels")
    let rows = (0..<ids.count - 1).filter { labels[$0 + 1] != -100 }
    return model.crossEntropy(
      hidden(ids, tape, modalities: modalities, rows: rows),
      targets: rows.map { labels[$0 + 1] },
      weights: Array(repeating: 1 / Float(rows.count), count: rows.count), tape
    ).loss
  }

  /// The bytes of every parameter of the base model.
  func baseBytes() -> [Data] {
    index.parameters.map { $0.stored.withBytes { Data($0) } }
  }
}

extension LoRAConfiguration {
  /// A configuration for tests.
  static func make(
    rank: Int = 4, alpha: Double = 8, targets: ModuleTargets?,
    _ change: (inout LoRAConfiguration) -> Void = { _ in }
  ) -> LoRAConfiguration {
    var configuration = LoRAConfiguration()
    configuration.rank = rank
    configuration.alpha = alpha
    configuration.targets = targets
    change(&configuration)
    return configuration
  }
}

extension Adapter {
  /// Moves everything that it trains.
  func perturb() {
    for (offset, entry) in parameters.enumerated() {
      entry.parameter.replace(
        with: Kernels.add(
          entry.parameter.variable.value,
          .random(entry.parameter.shape, seed: UInt64(offset), deviation: 0.1)))
    }
  }

  /// Gives B, zero at first, random values, so that the adapter does something.
  func randomize(seed: UInt64) {
    for (offset, entry) in parameters.enumerated() where entry.name.contains(".lora_B.") {
      entry.parameter.replace(
        with: .random(entry.parameter.shape, seed: seed &+ UInt64(offset), deviation: 0.2))
    }
  }
}
