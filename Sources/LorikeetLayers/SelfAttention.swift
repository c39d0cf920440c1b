// SPDX-License-Identifier: Apache-2.0

package import LorikeetAutograd
public import LorikeetTensors

/// Self-attention with its projections, grouped heads, rotary positions and a cache.
public struct SelfAttention {
  /// How queries, keys and values come about.
  public enum Projections {
    case separate(query: Linear, key: Linear, value: Linear)
    /// One layer that gives all three, side by side.
    case fused(Linear)
  }
  public let projections: Projections
  public let output: Linear
  public let shape: AttentionShape
  /// Norms over the channels of each head, before the positions (Dehghani et al., "Scaling vision
  /// transformers to 22 billion parameters", 2023).
  private let queryNorm: RMSNorm?
  private let keyNorm: RMSNorm?

  public init(
    _ projections: Projections, output: Linear, shape: AttentionShape, queryNorm: RMSNorm? = nil,
    keyNorm: RMSNorm? = nil
  ) {
    self.projections = projections
    self.output = output
    self.shape = shape
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
  }

  public init(query: Linear, key: Linear, value: Linear, output: Linear, shape: AttentionShape) {
    self.init(.separate(query: query, key: key, value: value), output: output, shape: shape)
  }

  /// - Parameters:
  ///   - x: `[rows, width]`.
  ///   - layer: the index of the layer in the cache.
  ///   - rotary: the angles of the rows, if the model has rotary positions.
  ///   - last: the rows whose result is wanted; nil for all.
  ///   - record: asks for probabilities or column sums and receives them; not with a cache.
  /// - Returns: `[rows that are wanted, width]`.
  package func callAsFunction(
    _ x: Variable, _ context: ForwardContext, layer: Int = 0, rotary: RotaryTable? = nil,
    last: LastRows? = nil, record: inout AttentionRecord
  ) -> Variable {
    let tape = context.tape
    let asking = last?.context ?? context
    let (queries, keys, v) = projected(x, context, last)
    var (q, k) = (queries, keys)
    x.forget()
    if let queryNorm { q = eachHead(q, queryNorm, asking) }
    if let keyNorm { k = eachHead(k, keyNorm, context) }
    if let rotary {
      q = tape.rotate(q, by: last?.of(rotary) ?? rotary, headWidth: shape.headWidth)
      k = tape.rotate(k, by: rotary, headWidth: shape.headWidth)
    }
    if let cache = context.cache {
      cache.keep(layer: layer, keys: k.value, values: v.value, segments: context.segments)
      let mixed = cache.attend(layer: layer, q.value, segments: asking.segments, shape: shape)
      return output(Variable(mixed), asking)
    }
    let mixed = tape.attention(q, k, v, segments: asking.segments, shape: shape, record: &record)
    return output(mixed, asking)
  }

  private func projected(
    _ x: Variable, _ context: ForwardContext, _ last: LastRows?
  ) -> (query: Variable, key: Variable, value: Variable) {
    switch projections {
    case .separate(let query, let key, let value):
      if let last {
        let both = Linear.each([key, value], x, context)
        return (query(last.of(x), last.context), both[0], both[1])
      }
      let all = Linear.each([query, key, value], x, context)
      return (all[0], all[1], all[2])
    case .fused(let layer):
      let all = layer(x, context)
      let (queries, keys) = (shape.heads * shape.headWidth, shape.keyHeads * shape.headWidth)
      let tape = context.tape
      let query = tape.columns(all, 0..<queries)
      return (
        last?.of(query) ?? query, tape.columns(all, queries..<queries + keys),
        tape.columns(all, queries + keys..<queries + 2 * keys)
      )
    }
  }

  /// A norm over the channels of each head of `[rows, heads x headWidth]`.
  private func eachHead(_ x: Variable, _ norm: RMSNorm, _ context: ForwardContext) -> Variable {
    let heads = Shape([x.shape.count / shape.headWidth, shape.headWidth])
    return context.tape.reshape(norm(context.tape.reshape(x, heads), context), x.shape)
  }
}
