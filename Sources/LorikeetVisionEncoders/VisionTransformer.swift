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
  private let rotary: AxialRotary?
  private let windows: AttentionWindows?

  public var width: Int { tokens.width }
  public var layerCount: Int { blocks.count }
  public var prefixTokens: Int { tokens.prefixTokens }
  public var frames: Int { tokens.patches.frames }
  public var pools: Bool { if case .none = pooling { false } else { true } }

  /// - Parameters:
  ///   - firstNorm: acts before the first block; lastNorm: gives the last hidden state.
  init(
    patchSize: Int, imageSize: Int, tokens: PatchTokens, firstNorm: LayerNorm? = nil,
    blocks: [EncoderBlock], lastNorm: LayerNorm?, pooling: Pooling, rotary: AxialRotary? = nil,
    windows: AttentionWindows? = nil
  ) {
    self.patchSize = patchSize
    self.imageSize = imageSize
    self.tokens = tokens
    self.firstNorm = firstNorm
    self.blocks = blocks
    self.lastNorm = lastNorm
    self.pooling = pooling
    self.rotary = rotary
    self.windows = windows
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
    // Patches of a window lie together while they go through the blocks.
    let order = windows?.order(grid: grid, images: images)
    if let order { x = tape.selectRows(x, order.places) }
    let table = rotary?.table(grid: grid, places: order?.places ?? Array(0..<images * count))
    var draws = random
    let windowed = order.map {
      ForwardContext(
        tape: tape, isTraining: isTraining, lengths: $0.lengths, modality: .image,
        random: RandomStream(seed: draws.next()))
    }
    func inOrder(_ x: Variable) -> Variable { order.map { tape.selectRows(x, $0.inverse) } ?? x }
    if request.hiddenLayers.contains(0) { result.hidden[0] = inOrder(x) }
    let asked = request.hiddenLayers.union(request.attentionLayers.map { $0 + 1 })
      .union(request.significanceLayers.map { $0 + 1 })
    let needsAll = request.needsLastHiddenState || request.needsPooled
    let last = needsAll ? layerCount : min(asked.max() ?? 0, layerCount)
    for (index, block) in blocks.prefix(last).enumerated() {
      var record = AttentionRecord(
        keepsProbabilities: request.attentionLayers.contains(index),
        keepsColumnSums: request.significanceLayers.contains(index))
      let isAsked = record.keepsProbabilities || record.keepsColumnSums
      let isWhole = windows?.wholeBlocks.contains(index) ?? true
      let context = isWhole ? context : windowed ?? context
      x =
        isAsked
        ? block(x, context, rotary: table, record: &record)
        : context.recompute(x) { x, context in
          var record = AttentionRecord()
          return block(x, context, rotary: table, record: &record)
        }
      if request.hiddenLayers.contains(index + 1) { result.hidden[index + 1] = inOrder(x) }
      // Those of windows are not those of pictures.
      if request.attentionLayers.contains(index), windows == nil {
        result.attention[index] = record.probabilities
      }
      if let sums = record.columnSums {
        result.significance[index] =
          order.map { order in
            let values = sums.values
            return Tensor(order.inverse.map { values[$0] }, sums.shape)
          } ?? sums
      }
    }
    guard needsAll else { return result }
    x = inOrder(x)
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
