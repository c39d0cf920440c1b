// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
public import LorikeetMissingModality
public import LorikeetTensors
internal import LorikeetTextDecoders

/// Sequences laid end to end, ready for the decoder: embeddings with their layout.
public struct PackedBatch {
  /// `[rows, decoder width]`.
  public var embeddings: Variable
  /// Rows of each sequence.
  public var lengths: [Int]
  public var positions: [Int]
  /// Where rows stand on a plane; nil for a decoder whose positions have one axis.
  public var plane: PlanePositions?
  /// The position that follows each sequence.
  public var nextPositions: [Int] = []
  public var modalities: ModalityLayout
  /// Rows that predict a token of an answer, with that token; sequence by sequence.
  public var targets: [(row: Int, token: Int)]
  /// How many targets each sequence has.
  public var targetCounts: [Int]
  /// Rows at the beginning of each sequence that see one another both ways; empty for none.
  public var prefixes: [Int] = []

  /// The segments, with their prefixes where they begin a sequence.
  func prefixed(_ segments: [AttentionSegment]) -> [AttentionSegment] {
    guard !prefixes.isEmpty else { return segments }
    return zip(segments, prefixes).map { segment, prefix in
      guard segment.keys.count == segment.queries.count else { return segment }
      return AttentionSegment(queries: segment.queries, keys: segment.keys, prefix: prefix)
    }
  }
}

extension VisionLanguageModel {
  /// Embeds sequences and lays them end to end. Each answer is embedded without its last token, which
  /// is predicted only.
  ///
  /// - Parameter includesWholeAnswer: embeds the last token of answers too.
  public func pack(
    _ sequences: [TokenSequence], missing: any MissingModalityStrategy = DropRows(),
    positions placement: PrunedPositions = .original, tape: Tape, isTraining: Bool = false,
    random: RandomStream = RandomStream(seed: 0)
  ) -> PackedBatch {
    // Everything that needs the projector or the embedding table goes through it at once.
    var images: [VisualFeatures] = []
    var ids: [Int] = []
    for sequence in sequences {
      for part in sequence.parts {
        switch part {
        case .image(let features): images.append(features)
        case .tokens(let tokens): ids += tokens
        case .standIn: break
        }
      }
      ids += sequence.answer.dropLast()
    }
    let width = decoder.width
    let words = decoder.embed(ids, tape)
    let visual = visualEmbeddings(images, tape: tape, isTraining: isTraining, random: random)

    var pieces: [(source: Variable, rows: Range<Int>)] = []
    var batch = PackedBatch(
      embeddings: words, lengths: [], positions: [], modalities: ModalityLayout(), targets: [],
      targetCounts: [])
    if hasPlanePositions { batch.plane = PlanePositions() }
    var (word, picture) = (0, 0)
    for sequence in sequences {
      let start = batch.positions.count
      var position = 0
      func append(_ source: Variable, _ rows: Range<Int>, _ modality: Modality, _ places: [Int]) {
        pieces.append((source, rows))
        batch.modalities.append(modality, count: rows.count)
        batch.positions += places.map { position + $0 }
        batch.plane?.rows += places.map { position + $0 }
        batch.plane?.columns += places.map { position + $0 }
      }
      for part in sequence.parts {
        switch part {
        case .tokens(let tokens):
          append(words, word..<word + tokens.count, .text, Array(tokens.indices))
          word += tokens.count
          position += tokens.count
        case .image(let features):
          guard let visual else { continue }
          let count = features.tokens
          let isKept = placement == .original
          let rows = picture..<picture + count
          picture += count
          if isKept, hasPlanePositions {
            let across = max(features.grid.columns, 1)
            append(visual, rows, .image, Array(repeating: 0, count: count))
            batch.plane?.rows.replaceLast(
              count, with: features.positions.map { position + $0 / across })
            batch.plane?.columns.replaceLast(
              count, with: features.positions.map { position + $0 % across })
            position += max(features.grid.rows, features.grid.columns)
          } else {
            append(visual, rows, .image, isKept ? features.positions : Array(0..<count))
            position += isKept ? features.total : count
          }
        case .standIn(let modality):
          guard let rows = missing.standIn(for: modality) else { continue }
          append(rows, 0..<rows.shape.rows, modality, Array(0..<rows.shape.rows))
          position += rows.shape.rows
        }
      }
      if promptSeesItself { batch.prefixes.append(batch.positions.count - start) }
      let first = batch.positions.count - 1
      for (offset, token) in sequence.answer.enumerated() {
        // A sequence without a prompt has nothing that predicts its first token.
        if first + offset >= start { batch.targets.append((first + offset, token)) }
      }
      batch.targetCounts.append(
        sequence.answer.count - (first < start && !sequence.answer.isEmpty ? 1 : 0))
      let rest = max(sequence.answer.count - 1, 0)
      append(words, word..<word + rest, .text, Array(0..<rest))
      word += rest
      batch.nextPositions.append(position + rest)
      batch.lengths.append(batch.positions.count - start)
    }
    batch.embeddings = tape.joinRows(pieces, width: width)
    return batch
  }

  /// The hidden states of a packed batch.
  ///
  /// - Parameters:
  ///   - wanted: the rows whose states are wanted; nil for all.
  ///   - cache: keys and values of earlier passes; the batch's sequences continue its slots.
  /// - Returns: `[rows that are wanted, width]`.
  public func hiddenStates(
    _ batch: PackedBatch, rows wanted: [Int]? = nil, tape: Tape, isTraining: Bool = false,
    cache: KeyValueCache? = nil, random: RandomStream = RandomStream(seed: 0)
  ) -> Variable {
    if let cache {
      let context = ForwardContext(
        tape: tape, segments: batch.prefixed(cache.segments(adding: batch.lengths)),
        positions: batch.positions, plane: batch.plane,
        modalities: batch.modalities, cache: cache, random: random)
      defer { cache.advance(by: batch.lengths) }
      return decoder.hiddenStates(batch.embeddings, context, rows: wanted)
    }
    var start = 0
    let segments = batch.lengths.map { length in
      defer { start += length }
      return AttentionSegment(queries: start..<start + length, keys: start..<start + length)
    }
    return decoder.hiddenStates(
      batch.embeddings,
      ForwardContext(
        tape: tape, isTraining: isTraining, segments: batch.prefixed(segments),
        positions: batch.positions, plane: batch.plane,
        modalities: batch.modalities, random: random),
      rows: wanted)
  }

  /// The loss over the answers of a batch: the mean over their tokens, or a sum weighted otherwise.
  ///
  /// - Parameter weight: what each token's loss is multiplied by; 1 / tokens if nil.
  /// - Returns: the loss, and the unweighted losses of the tokens in the order of `targets`.
  public func loss(
    _ batch: PackedBatch, weight: Float? = nil, tape: Tape, isTraining: Bool = false,
    random: RandomStream = RandomStream(seed: 0)
  ) -> (loss: Variable, losses: [Float]) {
    let hidden = hiddenStates(
      batch, rows: batch.targets.map(\.row), tape: tape, isTraining: isTraining, random: random)
    let factor = weight ?? 1 / Float(max(batch.targets.count, 1))
    var random = random
    return decoder.crossEntropy(
      hidden, targets: batch.targets.map(\.token),
      weights: Array(repeating: factor, count: batch.targets.count), tape,
      dropout: isTraining ? .derive(seed: random.next(), label: "head") : nil)
  }
}

extension Array {
  /// Puts other elements in the place of the last ones.
  fileprivate mutating func replaceLast(_ count: Int, with elements: [Element]) {
    removeLast(count)
    append(contentsOf: elements)
  }
}
