// SPDX-License-Identifier: Apache-2.0

package import LorikeetAutograd
public import LorikeetTensors

/// Self-attention with its four projections, grouped heads, rotary positions and a cache.
public struct SelfAttention {
  public let query: Linear
  public let key: Linear
  public let value: Linear
  public let output: Linear
  public let shape: AttentionShape

  public init(query: Linear, key: Linear, value: Linear, output: Linear, shape: AttentionShape) {
    self.query = query
    self.key = key
    self.value = value
    self.output = output
    self.shape = shape
  }

  /// - Parameters:
  ///   - x: `[rows, width]`.
  ///   - layer: the index of the layer in the cache.
  ///   - rotary: the angles of the rows, if the model has rotary positions.
  ///   - record: asks for probabilities or column sums and receives them.
  package func callAsFunction(
    _ x: Variable, _ context: ForwardContext, layer: Int = 0, rotary: RotaryTable? = nil,
    record: inout AttentionRecord
  ) -> Variable {
    let tape = context.tape
    var (q, k, v) = (query(x, context), key(x, context), value(x, context))
    if let rotary {
      q = tape.rotate(q, by: rotary)
      k = tape.rotate(k, by: rotary)
    }
    if let cache = context.cache {
      let all = cache.update(
        layer: layer, keys: k.value, values: v.value, segments: context.segments)
      (k, v) = (Variable(all.keys), Variable(all.values))
    }
    let mixed = tape.attention(
      q, k, v, segments: context.segments, shape: shape, record: &record)
    return output(mixed, context)
  }
}
