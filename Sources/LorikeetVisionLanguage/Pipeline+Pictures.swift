// SPDX-License-Identifier: Apache-2.0

internal import LorikeetLayers
public import LorikeetTensors
internal import LorikeetTokenPruning
internal import LorikeetVisionEncoders

extension Pipeline {
  /// Pictures that go through the encoder together, the fastest for small encoders.
  public static var picturesPerBatch: Int { 8 }

  /// The number of visual tokens of a picture after pruning, or about it where a method keeps more of
  /// some pictures than of others; 0 for a language model.
  ///
  /// - Parameter pixels: the shape of the picture's pixels, `[1, 3, height, width]`.
  public func expectedVisualTokens(_ pixels: Shape) -> Int {
    guard let vision = model.vision else { return 0 }
    let grid = (
      rows: pixels[2] / vision.encoder.patchSize, columns: pixels[3] / vision.encoder.patchSize
    )
    let patches = grid.rows * grid.columns
    let prefix = vision.selection == .full ? vision.encoder.prefixTokens : 0
    guard let pruning else { return prefix + patches }
    let significance = pruning.needsSignificance ? Array(repeating: Float(1), count: patches) : nil
    let pruned = pruning.pruner.prune(
      PruningInput(significance: significance, grid: grid, random: RandomStream(seed: 0)))
    return prefix + pruned.kept.count
  }

  /// The visual tokens of several pictures, pruned as the pipeline is set to.
  ///
  /// Pictures of one size are encoded together, `picturesPerBatch` at a time.
  ///
  /// - Parameters:
  ///   - pixels: `[1, 3, height, width]` each, as `Processor.pixels` gives them.
  ///   - seeds: what pruning methods that draw are seeded with, one a picture.
  /// - Throws: `ConfigurationError` if the model takes no pictures.
  public func features(of pixels: [Tensor], seeds: [UInt64]) throws -> [VisualFeatures] {
    precondition(pixels.count == seeds.count, "features: \(seeds.count) seeds for \(pixels.count)")
    guard model.vision != nil else {
      throw ConfigurationError(path: "model", "takes no pictures, it is a language model")
    }
    // What is drawn for a picture must not depend on its neighbours.
    let most = pruning?.isDeterministic == false ? 1 : Self.picturesPerBatch
    var results: [VisualFeatures?] = Array(repeating: nil, count: pixels.count)
    var waiting: [Shape: [Int]] = [:]
    func encode(_ indices: [Int]) {
      let shape = pixels[indices[0]].shape
      var values: [Float] = []
      values.reserveCapacity(indices.count * shape.count)
      for index in indices { pixels[index].withValues { values.append(contentsOf: $0) } }
      let features = model.visualFeatures(
        Tensor(values, [indices.count, shape[1], shape[2], shape[3]]), pruning: pruning,
        random: RandomStream(seed: seeds[indices[0]]))
      for (index, feature) in zip(indices, features) { results[index] = feature }
    }
    for (index, tensor) in pixels.enumerated() {
      let group = waiting[tensor.shape, default: []] + [index]
      waiting[tensor.shape] = group.count == most ? [] : group
      if group.count == most { encode(group) }
    }
    for group in waiting.values where !group.isEmpty { encode(group) }
    return results.compactMap { $0 }
  }
}
