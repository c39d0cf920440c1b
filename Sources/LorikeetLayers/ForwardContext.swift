// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetTensors

/// What a forward pass carries beside the activations.
///
/// Activations are `[rows, width]`: the sequences of a batch one after the other, without padding.
public final class ForwardContext {
  public let tape: Tape
  /// Whether this is a training step, where dropout acts.
  public let isTraining: Bool
  /// The sequences: their rows, and the keys that these see (more than the rows when a cache is used).
  public let segments: [AttentionSegment]
  /// The position of each row in its sequence.
  public let positions: [Int]
  /// Where rows stand on a plane, if any stand elsewhere than at their position.
  public let plane: PlanePositions?
  /// The modality of each row.
  public let modalities: ModalityLayout
  /// Keys and values of earlier passes.
  public let cache: KeyValueCache?
  private var random: RandomStream

  public init(
    tape: Tape, isTraining: Bool = false, segments: [AttentionSegment], positions: [Int],
    plane: PlanePositions? = nil, modalities: ModalityLayout, cache: KeyValueCache? = nil,
    random: RandomStream? = nil
  ) {
    precondition(
      positions.count == modalities.rows,
      "ForwardContext: \(positions.count) positions, \(modalities.rows) rows with a modality")
    self.tape = tape
    self.isTraining = isTraining
    self.segments = segments
    self.positions = positions
    self.plane = plane
    self.modalities = modalities
    self.cache = cache
    self.random = random ?? RandomStream(seed: 0)
  }

  /// Sequences of the given lengths, each seeing itself, with positions from 0.
  public convenience init(
    tape: Tape, isTraining: Bool = false, lengths: [Int], modality: Modality,
    random: RandomStream? = nil
  ) {
    var start = 0
    let segments = lengths.map { length in
      defer { start += length }
      return AttentionSegment(queries: start..<start + length, keys: start..<start + length)
    }
    self.init(
      tape: tape, isTraining: isTraining, segments: segments,
      positions: lengths.flatMap { Array(0..<$0) },
      modalities: ModalityLayout(modality, rows: start), random: random)
  }

  /// The result of a block of layers, which a tape that recomputes blocks runs again for its gradient.
  ///
  /// - Parameter block: is given x and the context to use.
  package func recompute(
    _ x: Variable, _ block: @escaping (Variable, ForwardContext) -> Variable
  ) -> Variable {
    guard tape.isRecording, tape.recomputesBlocks else { return block(x, self) }
    // Each time the block draws what it drew the first time.
    let start = random
    return tape.recompute(x) { [self] x, tape in
      let context = ForwardContext(
        tape: tape, isTraining: isTraining, segments: segments, positions: positions,
        plane: plane, modalities: modalities, cache: cache, random: start)
      defer { random = context.random }
      return block(x, context)
    }
  }

  /// A pass over some runs of the rows, laid end to end, with a randomness of its own.
  func of(_ runs: [Range<Int>], segments: [AttentionSegment]) -> ForwardContext {
    ForwardContext(
      tape: tape, isTraining: isTraining, segments: segments,
      positions: runs.flatMap { positions[$0] }, plane: plane?.of(runs),
      modalities: modalities.of(runs), cache: cache, random: RandomStream(seed: random.next()))
  }

  /// A key for the next dropout mask of this pass.
  public func nextDropoutKey() -> UInt64 { random.next() }
}
