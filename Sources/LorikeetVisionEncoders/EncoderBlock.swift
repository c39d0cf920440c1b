// SPDX-License-Identifier: Apache-2.0

package import LorikeetAutograd
package import LorikeetLayers
package import LorikeetTensors

/// A block of a vision transformer or of a text tower: x + s1 attention(norm1 x), then
/// x + s2 feedForward(norm2 x), s1 and s2 being 1 where there is no layer scale.
package struct EncoderBlock {
  let norm1: any Norm
  let attention: SelfAttention
  let scale1: Parameter?
  let norm2: any Norm
  let feedForward: any FeedForwarding
  let scale2: Parameter?

  /// The sizes of all blocks of an encoder.
  package struct Form: Sendable, Equatable {
    package var width: Int
    package var inner: Int
    package var heads: Int
    package var epsilon: Float
    package var activation: Activation
    package var isCausal = false

    var shape: AttentionShape {
      AttentionShape(heads: heads, keyHeads: heads, headWidth: width / heads, isCausal: isCausal)
    }
  }

  package func callAsFunction(
    _ x: Variable, _ context: ForwardContext, rotary: RotaryTable? = nil,
    record: inout AttentionRecord
  ) -> Variable {
    let tape = context.tape
    func add(_ x: Variable, _ scale: Parameter?, _ f: Variable) -> Variable {
      scale.map { tape.scaledAdd(x, scale: $0.variable, f) } ?? tape.add(x, f)
    }
    let x = add(x, scale1, attention(norm1(x, context), context, rotary: rotary, record: &record))
    return add(x, scale2, feedForward(norm2(x, context), context))
  }
}

extension EncoderBlock {
  /// A block under the names of CLIP and SigLIP.
  package init(clip layer: LayerScope, _ form: Form) {
    let attention = layer.scoped("self_attn")
    func projection(_ name: String) -> Linear {
      attention.linear(name, inputs: form.width, outputs: form.width, bias: true)
    }
    self.init(
      norm1: LayerNorm(layer.scoped("layer_norm1"), width: form.width, epsilon: form.epsilon),
      attention: SelfAttention(
        query: projection("q_proj"), key: projection("k_proj"), value: projection("v_proj"),
        output: projection("out_proj"), shape: form.shape),
      scale1: nil,
      norm2: LayerNorm(layer.scoped("layer_norm2"), width: form.width, epsilon: form.epsilon),
      feedForward: FeedForward(clip: layer.scoped("mlp"), form), scale2: nil)
  }
}

extension FeedForward {
  /// The feed-forward under the names `fc1` and `fc2`.
  init(clip scope: LayerScope, _ form: EncoderBlock.Form) {
    self.init(
      first: scope.linear("fc1", inputs: form.width, outputs: form.inner, bias: true),
      second: scope.linear("fc2", inputs: form.inner, outputs: form.width, bias: true),
      activation: form.activation)
  }
}

extension EncoderBlock.Form {
  /// Reads the keys that CLIP's and SigLIP's towers have.
  package init(_ values: ConfigurationValues, epsilon: Float, activation: Activation) throws {
    width = try values.whole("hidden_size", most: 1 << 20)
    inner = try values.whole("intermediate_size", most: 1 << 20)
    heads = try values.whole("num_attention_heads", most: 1 << 20)
    self.epsilon = try values.value("layer_norm_eps", default: epsilon)
    self.activation = try values.value("hidden_act", default: activation)
    guard width.isMultiple(of: heads) else {
      throw values.refusal("hidden_size", "\(width) is not a multiple of \(heads) heads")
    }
  }
}
