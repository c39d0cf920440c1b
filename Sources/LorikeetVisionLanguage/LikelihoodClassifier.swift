// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
public import LorikeetLayers
public import LorikeetMissingModality
internal import LorikeetTensors
internal import LorikeetTextDecoders

extension VisionLanguageModel {
  /// The mean log probability per token of each of several answers to one prompt.
  ///
  /// The prompt is computed once; the answers continue it side by side.
  ///
  /// - Parameters:
  ///   - prompt: a sequence without an answer.
  ///   - answers: token ids, at least one each.
  /// - Returns: (1 / n) sum log p(token) for each answer of n tokens.
  /// - Throws: `ConfigurationError` if the prompt has no rows, or if the model overflows.
  public func scores(
    of answers: [[Int]], after prompt: TokenSequence,
    missing: any MissingModalityStrategy = DropRows(), positions: PrunedPositions = .original
  ) throws(ConfigurationError) -> [Float] {
    guard !answers.isEmpty else { return [] }
    precondition(answers.allSatisfy { !$0.isEmpty }, "scores: an answer without tokens")
    let tape = Tape.inference
    let batch = pack([prompt], missing: missing, positions: positions, tape: tape)
    guard batch.lengths[0] > 0 else {
      throw ConfigurationError(
        path: "prompt", "is empty, expected something that labels can follow")
    }
    let rest = answers.map { $0.count - 1 }
    let cache = decoder.makeCache(
      slots: answers.count, capacity: batch.lengths[0] + (rest.max() ?? 0))
    // Slot 0 takes the prompt; the others start from a copy of it.
    var first = batch
    first.lengths = [batch.lengths[0]] + Array(repeating: 0, count: answers.count - 1)
    if let prefix = batch.prefixes.first {
      first.prefixes = [prefix] + Array(repeating: 0, count: answers.count - 1)
    }
    // The prompt's last row predicts token 0 of each answer.
    let prefix = hiddenStates(first, rows: [first.lengths[0] - 1], tape: tape, cache: cache)
    cache.spreadFirstSlot()
    let next = batch.nextPositions.first ?? 0

    let ids = answers.flatMap { $0.dropLast() }
    let continued = PackedBatch(
      embeddings: decoder.embed(ids, tape), lengths: rest,
      positions: rest.flatMap { count in (0..<count).map { next + $0 } },
      modalities: ModalityLayout(.text, rows: ids.count), targets: [], targetCounts: [])
    let hidden =
      ids.isEmpty ? continued.embeddings : hiddenStates(continued, tape: tape, cache: cache)

    // Token j is predicted by the answer's row j - 1.
    var pieces: [(source: LorikeetAutograd.Variable, rows: Range<Int>)] = []
    var start = 0
    for count in rest {
      pieces.append((prefix, 0..<1))
      pieces.append((hidden, start..<start + count))
      start += count
    }
    let rows = tape.joinRows(pieces, width: decoder.width)
    try requireFinite(rows)
    let targets = answers.flatMap { $0 }
    let losses = decoder.crossEntropy(
      rows, targets: targets, weights: targets.map { _ in 0 }, tape
    ).losses
    start = 0
    return answers.map { answer in
      defer { start += answer.count }
      return -losses[start..<start + answer.count].reduce(0, +) / Float(answer.count)
    }
  }
}
