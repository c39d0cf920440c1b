// SPDX-License-Identifier: Apache-2.0

public import LorikeetImages
public import LorikeetLayers
internal import LorikeetTensors
internal import LorikeetTokenPruning
internal import LorikeetVisionEncoders

extension Pipeline {
  /// Pictures that are read and encoded together.
  public static var picturesPerBatch: Int { VisionLanguageModel.tilesTogether }

  /// The number of visual tokens of a picture after pruning, or about it where a method keeps more of
  /// some pictures than of others, or tiles have padding; 0 for a language model.
  public func expectedVisualTokens(_ pixels: PicturePixels) -> Int {
    guard let vision = model.vision else { return 0 }
    let shape = pixels.tiles.shape
    let token = vision.encoder.patchSize * vision.squareSide
    let grid = (rows: shape[2] / token, columns: shape[3] / token)
    let patches = grid.rows * grid.columns
    let prefix = vision.selection == .full ? vision.encoder.prefixTokens : 0
    guard let pruning else { return shape[0] * (prefix + patches) }
    let significance = pruning.needsSignificance ? Array(repeating: Float(1), count: patches) : nil
    let pruned = pruning.pruner.prune(
      PruningInput(significance: significance, grid: grid, random: RandomStream(seed: 0)))
    return shape[0] * (prefix + pruned.kept.count)
  }

  /// The number of rows that a picture has in the encoder; 0 for a language model.
  public func encoderRows(_ pixels: PicturePixels) -> Int {
    guard let encoder = model.vision?.encoder else { return 0 }
    let shape = pixels.tiles.shape
    let patches = shape[2] / encoder.patchSize * (shape[3] / encoder.patchSize)
    return shape[0] * (encoder.prefixTokens + patches)
  }

  /// The visual tokens of several pictures, pruned as the pipeline is set to.
  ///
  /// - Parameters:
  ///   - pixels: as `Processor.pixels` gives them.
  ///   - seeds: what pruning methods that draw are seeded with, one a picture.
  /// - Throws: `ConfigurationError` if the model takes no pictures, or not such ones.
  public func features(
    of pixels: [PicturePixels], seeds: [UInt64]
  ) throws(ConfigurationError) -> [VisualFeatures] {
    // What is drawn for a picture must not depend on its neighbours.
    let together =
      pruning?.isDeterministic == false ? 1 : VisionLanguageModel.tilesTogether
    return try model.visualFeatures(
      of: pixels, pruning: pruning, seeds: seeds, together: together)
  }
}
