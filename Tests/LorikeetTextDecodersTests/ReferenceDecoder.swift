// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetCheckpoints
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTextDecoders

/// A decoder of Tests/Fixtures/models with its inputs.
struct ReferenceDecoder {
  let reference: ReferenceCase
  let index = ModuleIndex()
  let model: TransformerDecoder
  let ids: [Int]
  let labels: [Int]

  init(_ name: String) throws {
    reference = try ReferenceCase(name)
    let reader = CheckpointReader(try Checkpoint(directory: reference.modelDirectory))
    let scope = LayerScope(.checkpoint(reader), index: index)
    model = TransformerDecoder(
      try reference.configuration(TextDecoderConfiguration.self), model: scope.scoped("model"),
      head: scope)
    try reader.finish()
    ids = try reference.inputIntegers("input_ids")
    labels = try reference.inputIntegers("labels")
  }

  /// The hidden states after the last norm, of sequences one after the other: of all rows, or of those
  /// that are wanted.
  func hidden(
    _ sequences: [[Int]], _ tape: Tape, rows: [Int]? = nil
  ) -> (hidden: Variable, context: ForwardContext) {
    let context = ForwardContext(tape: tape, lengths: sequences.map(\.count), modality: .text)
    let x = model.embed(sequences.flatMap { $0 }, tape)
    return (model.hiddenStates(x, context, rows: rows), context)
  }

  /// The mean over labelled positions of -log p(label), labels shifted by one.
  ///
  /// - Parameter leavesOut: whether the model is asked for the labelled rows alone.
  func loss(_ tape: Tape, leavesOut: Bool) -> Variable {
    let rows = (0..<ids.count - 1).filter { labels[$0 + 1] != -100 }
    let (hidden, _) = hidden([ids], tape, rows: leavesOut ? rows : nil)
    return model.crossEntropy(
      leavesOut ? hidden : tape.selectRows(hidden, rows), targets: rows.map { labels[$0 + 1] },
      weights: Array(repeating: 1 / Float(rows.count), count: rows.count), tape
    ).loss
  }

  /// Logits of the last row after adding tokens to slot 0 of a cache.
  func step(_ tokens: [Int], _ cache: KeyValueCache) -> [Float] {
    let start = cache.lengths[0]
    let context = ForwardContext(
      tape: .inference, segments: cache.segments(adding: [tokens.count]),
      positions: Array(start..<start + tokens.count),
      modalities: ModalityLayout(.text, rows: tokens.count), cache: cache)
    let last = model.hiddenStates(
      model.embed(tokens, context.tape), context, rows: [tokens.count - 1])
    cache.advance(by: [tokens.count])
    return model.logits(last, context.tape).value.values
  }
}
