// SPDX-License-Identifier: Apache-2.0

internal import LorikeetLayers
internal import LorikeetTensors
internal import LorikeetTextDecoders
internal import LorikeetVisionEncoders
package import LorikeetVisionLanguage

/// About how much memory a training step takes beyond the model itself.
///
/// What a group of samples keeps for its gradients grows with its rows; the step's other samples
/// follow in groups of their own. The factors are measured: `lorikeet bench train --sweep tokens`.
package struct StepMemory {
  /// Bytes that stay from step to step: gradients and the optimiser's two moments, and the program.
  package let constant: Int
  /// Bytes for each row in the decoder.
  package let decoderRow: Int
  /// Bytes for each row in the encoder, 0 if its features come from a cache.
  package let encoderRow: Int
  private let recomputesBlocks: Bool

  /// - Parameter isCached: whether pictures went through the encoder before.
  package init(
    _ pipeline: Pipeline, _ setup: TrainingSetup, _ recipe: TrainingRecipe, isCached: Bool
  ) {
    recomputesBlocks = recipe.gradientCheckpointing
    // Weights that train get a copy of their own, beside the mapped one.
    constant = setup.count * (setup.trainsModel ? 16 : 12) + 64 << 20
    func kept(_ part: ModelPart) -> Int {
      recipe.training(of: part) == .lora ? recipe.keptBytes : 6
    }
    let decoder = kept(.decoder) * pipeline.model.linearOutputs(of: .decoder)
    let layers = max(pipeline.model.decoder.layerCount, 1)
    // With checkpointing the inputs of all blocks are kept, and what one of them needs.
    decoderRow =
      recipe.gradientCheckpointing
      ? min(decoder, 4 * layers * pipeline.model.decoder.width + 3 * decoder / layers) : decoder
    let encoder = isCached ? 0 : kept(.encoder) * pipeline.model.linearOutputs(of: .encoder)
    let blocks = max(pipeline.model.vision?.encoder.layerCount ?? 1, 1)
    encoderRow = recipe.training(of: .encoder) == .frozen ? encoder / blocks : encoder
  }

  /// Bytes of a step on samples of so many rows in the decoder and in the encoder.
  package func bytes(rows: Int, encoderRows: Int, batch: Int) -> Int {
    // More samples than this only make more groups.
    let groups = TrainingStep.groups(Array(repeating: rows, count: min(batch, 1024)))
    let most = groups.map(\.count).max() ?? 0
    return constant + most * (rows * decoderRow + encoderRows * encoderRow)
  }

  /// - Parameters:
  ///   - rows: of the longest sample in the decoder.
  ///   - features: how many pictures' features will be kept in memory, and the bytes of each.
  ///   - available: bytes; nil where they are not known.
  /// - Throws: `TrainingError.recipe` if a step needs more memory than there is, with the batch that
  ///   would fit, or the features alone do.
  package func require(
    rows: Int, encoderRows: Int, batch: Int, features: (count: Int, bytes: Int) = (0, 0),
    path: String, available: Int? = Memory.available
  ) throws {
    guard var available else { return }
    let kept = features.count * features.bytes
    guard kept < available else {
      throw TrainingError.recipe(
        path: path,
        reason: "feature_cache: the features of \(features.count) pictures need "
          + "\(Memory.shortage(of: kept, available)); those of "
          + "\(available / max(features.bytes, 1)) would fit (set feature_cache: disk)")
    }
    available -= kept
    let needed = bytes(rows: rows, encoderRows: encoderRows, batch: batch)
    guard needed > available else { return }
    let fitting = (1..<max(min(batch, 1024), 1)).last {
      bytes(rows: rows, encoderRows: encoderRows, batch: $0) <= available
    }
    guard constant <= available else {
      throw TrainingError.recipe(
        path: path,
        reason:
          "the gradients and moments of what trains need "
          + "\(Memory.shortage(of: constant, available)); train less (a smaller r, fewer "
          + "target_modules)")
    }
    let row = decoderRow + (rows > 0 ? encoderRows * encoderRow / rows : 0)
    let most = max(0, available - constant) / max(row, 1)
    throw TrainingError.recipe(
      path: path,
      reason: "per_device_train_batch_size: a step on samples of up to \(rows) tokens needs "
        + "\(Memory.shortage(of: needed, available)); "
        + (fitting.map { "a batch of \($0) would fit" }
          ?? "samples of \(most) tokens would fit (prune"
          + (recomputesBlocks ? ")" : ", or set gradient_checkpointing: true)")))
  }
}

extension TrainingRecipe {
  /// Bytes that a linear layer with an adapter keeps for each value of its outputs: its own, half as
  /// much in between and in the gradients on their way, and what the method adds.
  fileprivate var keptBytes: Int {
    switch peftType {
    case .ia3: 8
    case .lora: useDora ? loraDropout > 0 ? 26 : 10 : loraDropout > 0 ? 7 : 6
    }
  }
}
