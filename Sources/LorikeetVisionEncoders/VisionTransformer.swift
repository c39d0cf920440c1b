// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
internal import LorikeetLayers
public import LorikeetTensors

/// An image encoder of any family: tokens of patches through blocks of attention (Dosovitskiy et al.,
/// "An image is worth 16x16 words", 2021).
public final class VisionTransformer: VisionEncoder {
  /// How one row for each picture comes about.
  enum Pooling {
    case none
    /// The class token after all blocks, normed.
    case classToken(LayerNorm)
    /// The first row of the last hidden state.
    case firstRow
    case attention(AttentionPooling)
  }

  public let patchSize: Int
  public let imageSize: Int
  private let tokens: PatchTokens
  private let firstNorm: LayerNorm?
  private let blocks: [EncoderBlock]
  private let lastNorm: LayerNorm?
  private let pooling: Pooling

  public var width: Int { tokens.width }
  public var layerCount: Int { blocks.count }
  public var prefixTokens: Int { tokens.prefixTokens }
  public var pools: Bool { if case .none = pooling { false } else { true } }

  /// - Parameters:
  ///   - firstNorm: acts before the first block; lastNorm: gives the last hidden state.
  init(
    patchSize: Int, imageSize: Int, tokens: PatchTokens, firstNorm: LayerNorm? = nil,
    blocks: [EncoderBlock], lastNorm: LayerNorm?, pooling: Pooling
  ) {
    self.patchSize = patchSize
    self.imageSize = imageSize
    self.tokens = tokens
    self.firstNorm = firstNorm
    self.blocks = blocks
    self.lastNorm = lastNorm
    self.pooling = pooling
  }

  public func encode(
    _ pixels: Tensor, request: EncoderRequest, tape: Tape, isTraining: Bool, random: RandomStream
  ) -> EncoderOutput {
    let images = pixels.shape[0]
    let grid = (rows: pixels.shape[2] / patchSize, columns: pixels.shape[3] / patchSize)
    let count = grid.rows * grid.columns + prefixTokens
    var result = EncoderOutput(tokens: count, grid: grid)
    let context = ForwardContext(
      tape: tape, isTraining: isTraining, lengths: Array(repeating: count, count: images),
      modality: .image, random: random)
    var x = tokens(pixels, grid: grid, tape)  // [images x tokens, width]
    if let firstNorm { x = firstNorm(x, context) }
    if request.hiddenLayers.contains(0) { result.hidden[0] = x }
    let asked = request.hiddenLayers.union(request.attentionLayers.map { $0 + 1 })
      .union(request.significanceLayers.map { $0 + 1 })
    let needsAll = request.needsLastHiddenState || request.needsPooled
    let last = needsAll ? layerCount : min(asked.max() ?? 0, layerCount)
    for (index, block) in blocks.prefix(last).enumerated() {
      var record = AttentionRecord(
        keepsProbabilities: request.attentionLayers.contains(index),
        keepsColumnSums: request.significanceLayers.contains(index))
      let isAsked = record.keepsProbabilities || record.keepsColumnSums
      x =
        isAsked
        ? block(x, context, record: &record)
        : context.recompute(x) { x, context in
          var record = AttentionRecord()
          return block(x, context, record: &record)
        }
      if request.hiddenLayers.contains(index + 1) { result.hidden[index + 1] = x }
      if request.attentionLayers.contains(index) { result.attention[index] = record.probabilities }
      if let sums = record.columnSums { result.significance[index] = sums }
    }
    guard needsAll else { return result }
    let first = (0..<images).map { $0 * count }
    if case .classToken(let norm) = pooling, request.needsPooled {
      result.pooled = norm(tape.selectRows(x, first), context)
    }
    if let lastNorm { x = lastNorm(x, context) }
    if request.needsLastHiddenState { result.lastHiddenState = x }
    guard request.needsPooled else { return result }
    switch pooling {
    case .none, .classToken: break
    case .firstRow: result.pooled = tape.selectRows(x, first)
    case .attention(let head): result.pooled = head(x, tokens: count, context)
    }
    return result
  }
}
