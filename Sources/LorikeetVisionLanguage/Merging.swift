// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAdapters
internal import LorikeetAutograd
internal import LorikeetLayers
internal import LorikeetTensors
internal import LorikeetTextDecoders
internal import LorikeetVisionEncoders

extension Pipeline {
  /// Folds the adapters into the weights.
  ///
  /// - Returns: the largest difference that this makes to a logit of a probe, a drawn picture before a
  ///   few words, and the largest logit.
  /// - Throws: `AdapterError.cannotMerge` if an adapter acts on the rows of some modalities only, or
  ///   the logits are no numbers, of which no difference can be told.
  public func merge() throws -> (difference: Float, largest: Float) {
    let before = probeLogits()
    try adapters?.merge()
    adapters = nil
    let after = probeLogits()
    guard (before + after).allSatisfy(\.isFinite) else {
      throw AdapterError.cannotMerge(
        reason:
          "the logits of the \(before.allSatisfy(\.isFinite) ? "merged" : "adapted") model are "
          + "not finite; its weights are too large, or no numbers")
    }
    let difference = zip(before, after).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
    return (difference, before.reduce(0) { max($0, abs($1)) })
  }

  /// The logits of a fixed input, row by row.
  private func probeLogits() -> [Float] {
    var parts: [TokenSequence.Part] = []
    if let encoder = model.vision?.encoder {
      let side = encoder.imageSize / encoder.patchSize * encoder.patchSize
      var random = RandomStream(seed: 1)
      let pixels = Initializer.normal(1).tensor([1, 3, side, side], &random)
      parts += model.visualFeatures(pixels).map { .image($0) }
    }
    let words = (1...8).map { $0 * 37 % model.decoder.vocabulary }
    parts.append(.tokens(words))
    let batch = model.pack([TokenSequence(parts: parts)], tape: .inference)
    let hidden = model.hiddenStates(batch, tape: .inference)
    let rows = Array(max(0, hidden.shape.rows - words.count)..<hidden.shape.rows)
    let selected = Tape.inference.selectRows(hidden, rows)
    return model.decoder.logits(selected, .inference).value.values
  }
}
