// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
public import LorikeetImages
internal import LorikeetLayers
public import LorikeetTensors
internal import LorikeetVisionEncoders

/// Turns pictures into one vector each: with a dual encoder into unit vectors of the common space,
/// with an image encoder into its pooled row.
public struct PictureEmbedder {
  private let processor: (any PictureProcessor)?
  private let embed: (Tensor) -> Tensor

  /// - Throws: `ConfigurationError` if the model gives no row for a picture.
  public init(_ model: LoadedModel, directory: String) throws {
    processor = try PictureProcessors.inDirectory(directory)
    switch model {
    case .dual(let model): embed = { model.imageEmbeddings($0) }
    case .encoder(let encoder, _) where encoder.pools:
      embed = { encoder.pooledRows($0) }
    case .encoder, .language:
      throw ConfigurationError(
        path: directory + "/config.json",
        "the model gives no vector for a picture; a dual encoder, or an image encoder with a class "
          + "token or a pooling head, does")
    }
  }

  /// Pixels of a picture as the model takes them, `[1, 3, height, width]`.
  ///
  /// - Parameter name: the picture's file, for messages.
  public func pixels(_ image: Image, name: String) throws -> Tensor {
    let pixels = try Processor.require(processor, name).prepare(image, name: name).tiles
    guard pixels.shape[0] == 1 else {
      throw ConfigurationError(
        path: name,
        "preprocessor_config.json cuts pictures into tiles, and the model takes them whole")
    }
    return pixels
  }

  /// The vectors of pictures, `[pictures, width]`. Those of one size go through together,
  /// `Pipeline.picturesPerBatch` at a time.
  ///
  /// - Parameter pixels: `[1, 3, height, width]` each.
  public func embeddings(of pixels: [Tensor]) -> Tensor {
    var rows: [Tensor?] = Array(repeating: nil, count: pixels.count)
    for (shape, indices) in Dictionary(grouping: pixels.indices, by: { pixels[$0].shape }) {
      for start in stride(from: 0, to: indices.count, by: Pipeline.picturesPerBatch) {
        let chosen = Array(indices[start..<min(start + Pipeline.picturesPerBatch, indices.count)])
        let batch = Kernels.gatherRows(
          chosen.map { (pixels[$0].reshaped([1, shape.count]), 0..<1) }, width: shape.count)
        let result = embed(batch.reshaped([chosen.count, shape[1], shape[2], shape[3]]))
        for (row, index) in chosen.enumerated() { rows[index] = result.rows(row..<row + 1) }
      }
    }
    let all = rows.compactMap { $0 }
    return Kernels.gatherRows(all.map { ($0, 0..<1) }, width: all.first?.width ?? 0)
  }
}

extension VisionEncoder {
  /// One row for each picture, `[images, width]`; none from an encoder that does not pool.
  func pooledRows(_ pixels: Tensor) -> Tensor {
    var request = EncoderRequest()
    request.needsLastHiddenState = false
    request.needsPooled = true
    let output = encode(
      pixels, request: request, tape: .inference, isTraining: false,
      random: RandomStream(seed: 0))
    return output.pooled?.value ?? Tensor(repeating: 0, [0, width])
  }
}
