// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
public import LorikeetLayers
public import LorikeetMissingModality
internal import LorikeetTensors
public import LorikeetTextDecoders

/// How an answer is written.
public struct GenerationOptions: Sendable {
  /// Tokens at the most.
  public var maxTokens = 64
  public var sampler = Sampler.greedy
  /// Tokens that end the answer, beside the decoder's own.
  public var endTokens: Set<Int> = []
  /// Whether the decoder's own end tokens end the answer.
  public var stopsAtEnd = true
  /// The type in which keys and values of earlier tokens are kept.
  public var cacheType = KeyValueCacheType.float32

  public init() {}
}

extension VisionLanguageModel {
  /// Writes an answer to each sequence, all at once, through a cache.
  ///
  /// - Parameter onToken: told the sequence and each of its tokens as they come.
  /// - Returns: the tokens of each answer, without the one that ended it.
  /// - Throws: `ConfigurationError` if there is no memory for so many tokens, with the number that would
  ///   fit, or if the model overflows.
  public func generate(
    _ sequences: [TokenSequence], _ options: GenerationOptions,
    missing: any MissingModalityStrategy = DropRows(), positions: PrunedPositions = .original,
    onToken: (Int, Int) -> Void = { _, _ in }
  ) throws(ConfigurationError) -> [[Int]] {
    var answers: [[Int]] = Array(repeating: [], count: sequences.count)
    guard !sequences.isEmpty, options.maxTokens > 0 else { return answers }
    var batch = pack(sequences, missing: missing, positions: positions, tape: .inference)
    try GenerationMemory(self, cacheType: options.cacheType).require(
      prompts: batch.lengths, more: options.maxTokens)
    let cache = decoder.makeCache(
      slots: sequences.count, capacity: (batch.lengths.max() ?? 0) + options.maxTokens,
      type: options.cacheType)
    let endings = options.endTokens.union(options.stopsAtEnd ? endTokens : [])
    var samplers = Array(repeating: options.sampler, count: sequences.count)
    // The position of the next token of each sequence.
    var next = batch.nextPositions
    var active = sequences.indices.filter { batch.lengths[$0] > 0 }
    var end = 0
    let ends = batch.lengths.map { length in
      end += length
      return end - 1
    }
    // One row for each sequence that goes on.
    var hidden = hiddenStates(
      batch, rows: active.map { ends[$0] }, tape: .inference, cache: cache)
    for step in 0..<options.maxTokens {
      try requireFinite(hidden)
      let logits = decoder.logits(hidden, .inference).value
      var going: [Int] = []
      for (line, sequence) in active.enumerated() {
        let token = samplers[sequence].next(logits.rows(line..<line + 1))
        if endings.contains(token) { continue }
        answers[sequence].append(token)
        onToken(sequence, token)
        going.append(sequence)
      }
      active = going
      guard !active.isEmpty, step + 1 < options.maxTokens else { break }
      let embedded = decoder.embed(active.map { answers[$0].last ?? 0 }, .inference)
      batch = PackedBatch(
        embeddings: embedded, lengths: sequences.indices.map { active.contains($0) ? 1 : 0 },
        positions: active.map { next[$0] },
        modalities: ModalityLayout(.text, rows: active.count), targets: [], targetCounts: [])
      for sequence in active { next[sequence] += 1 }
      hidden = hiddenStates(batch, tape: .inference, cache: cache)
    }
    return answers
  }

  /// Refuses hidden states that say nothing about tokens.
  func requireFinite(_ hidden: Variable) throws(ConfigurationError) {
    guard Kernels.isFinite(hidden.value) else {
      throw ConfigurationError(
        path: "model",
        "its hidden states overflow; weights or adapters are too large, or no numbers")
    }
  }
}
