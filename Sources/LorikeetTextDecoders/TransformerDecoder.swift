// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
internal import LorikeetTensors

/// A text decoder of any family: pre-norm blocks of rotary grouped-query attention and a gated
/// feed-forward (Touvron et al., "LLaMA", 2023), in the form that its configuration asks for.
public final class TransformerDecoder: TextDecoder {
  private struct Block {
    let attentionNorm: RMSNorm
    let attention: SelfAttention
    let attentionOutputNorm: RMSNorm?
    let feedForwardNorm: RMSNorm
    let feedForward: GatedFeedForward
    let feedForwardOutputNorm: RMSNorm?
  }

  public let configuration: TextDecoderConfiguration
  public let embedding: Embedding
  public let head: Linear
  private let blocks: [Block]
  private let norm: RMSNorm

  public var width: Int { configuration.hiddenSize }
  public var vocabulary: Int { configuration.vocabulary }
  public var contextLength: Int { configuration.maxPositions }
  public var layerCount: Int { configuration.layers }
  public var endTokens: [Int] { configuration.endTokens }
  public var embeddingScale: Float { configuration.embeddingScale }
  public var logitSoftCap: Float? { configuration.logitSoftCap }

  /// - Parameters:
  ///   - model: where `embed_tokens`, `layers` and `norm` stand.
  ///   - head: where `lm_head` stands. Where the configuration ties it to the embeddings, it is read
  ///     only if a checkpoint has one that differs from them, as transformers does.
  public init(
    _ c: TextDecoderConfiguration, model scope: LayerScope, head headScope: LayerScope
  ) {
    configuration = c
    let embedding = scope.embedding(
      "embed_tokens", count: c.vocabulary, width: c.hiddenSize, initial: .normal(0.02))
    self.embedding = embedding
    blocks = (0..<c.layers).map { index in
      Self.block(c, scope.scoped("layers").scoped(String(index)), window: c.windows[index])
    }
    norm = RMSNorm(
      scope.scoped("norm"), width: c.hiddenSize, epsilon: c.epsilon, offset: c.normOffset)
    head = headScope.head("lm_head", of: embedding, isTied: c.tiesEmbeddings)
  }

  private static func block(
    _ c: TextDecoderConfiguration, _ layer: LayerScope, window: Int?
  ) -> Block {
    let (attention, feedForward) = (layer.scoped("self_attn"), layer.scoped("mlp"))
    func norm(_ name: String) -> RMSNorm {
      RMSNorm(
        layer.scoped(name), width: c.hiddenSize, epsilon: c.epsilon, offset: c.normOffset)
    }
    func headNorm(_ name: String) -> RMSNorm? {
      guard c.normsHeads else { return nil }
      return RMSNorm(
        attention.scoped(name), width: c.headWidth, epsilon: c.epsilon, offset: c.normOffset)
    }
    let (queryWidth, keyWidth) = (c.heads * c.headWidth, c.keyHeads * c.headWidth)
    func projection(_ name: String, _ outputs: Int) -> Linear {
      attention.linear(
        name, inputs: c.hiddenSize, outputs: outputs, bias: c.queryKeyValueBias)
    }
    func dense(_ name: String, _ inputs: Int, _ outputs: Int) -> Linear {
      feedForward.linear(name, inputs: inputs, outputs: outputs, bias: c.feedForwardBias)
    }
    let attentionNorm = norm("input_layernorm")
    let projections: SelfAttention.Projections =
      c.fusesProjections
      ? .fused(projection("qkv_proj", queryWidth + 2 * keyWidth))
      : .separate(
        query: projection("q_proj", queryWidth), key: projection("k_proj", keyWidth),
        value: projection("v_proj", keyWidth))
    let mixing = SelfAttention(
      projections,
      output: attention.linear(
        "o_proj", inputs: queryWidth, outputs: c.hiddenSize, bias: c.outputBias),
      shape: AttentionShape(
        heads: c.heads, keyHeads: c.keyHeads, headWidth: c.headWidth, scale: c.attentionScale,
        isCausal: true, window: window, softCap: c.attentionSoftCap),
      queryNorm: headNorm("q_norm"), keyNorm: headNorm("k_norm"))
    let outputNorm = c.normsOutputs ? norm("post_attention_layernorm") : nil
    let feedForwardNorm = norm(
      c.normsOutputs ? "pre_feedforward_layernorm" : "post_attention_layernorm")
    let gates: GatedFeedForward.Projections =
      c.fusesProjections
      ? .fused(dense("gate_up_proj", c.hiddenSize, 2 * c.intermediateSize))
      : .separate(
        gate: dense("gate_proj", c.hiddenSize, c.intermediateSize),
        up: dense("up_proj", c.hiddenSize, c.intermediateSize))
    return Block(
      attentionNorm: attentionNorm, attention: mixing, attentionOutputNorm: outputNorm,
      feedForwardNorm: feedForwardNorm,
      feedForward: GatedFeedForward(
        gates, down: dense("down_proj", c.intermediateSize, c.hiddenSize),
        activation: c.activation),
      feedForwardOutputNorm: c.normsOutputs ? norm("post_feedforward_layernorm") : nil)
  }

  public func hiddenStates(
    _ x: Variable, _ context: ForwardContext, rows wanted: [Int]?
  ) -> Variable {
    let rotary = configuration.rotary.table(
      positions: context.positions, plane: context.plane, segments: context.segments,
      headWidth: configuration.headWidth)
    var x = x  // [rows, width] throughout
    var places = wanted
    for (index, block) in blocks.enumerated() {
      let asked = index + 1 == blocks.count ? wanted : nil
      x = context.recompute(x) { whole, all in
        let last = asked.flatMap { LastRows($0, in: all) }
        if let last { places = last.places }
        let (tape, context) = (all.tape, last?.context ?? all)
        var record = AttentionRecord()
        var mixed = block.attention(
          block.attentionNorm(whole, all), all, layer: index, rotary: rotary, last: last,
          record: &record)
        if let norm = block.attentionOutputNorm { mixed = norm(mixed, context) }
        let x = tape.add(last?.of(whole) ?? whole, using: mixed)
        var fed = block.feedForward(block.feedForwardNorm(x, context), context)
        if let norm = block.feedForwardOutputNorm { fed = norm(fed, context) }
        return tape.add(x, using: fed)
      }
    }
    if let places, places != Array(0..<x.shape.rows) { x = context.tape.selectRows(x, places) }
    return norm(x, context)
  }

  private var cacheWidth: Int { configuration.keyHeads * configuration.headWidth }

  public func cacheBytes(_ type: KeyValueCacheType) -> Int {
    let value =
      switch type {
      case .float32: 4
      case .float16: 2
      }
    return 2 * configuration.layers * cacheWidth * value
  }

  public func makeCache(
    slots: Int, capacity: Int, type: KeyValueCacheType
  ) -> KeyValueCache {
    KeyValueCache(
      layers: configuration.layers, width: cacheWidth, slots: slots, capacity: capacity, type: type)
  }
}
