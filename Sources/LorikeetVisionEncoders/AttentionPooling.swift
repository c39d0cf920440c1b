// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
internal import LorikeetLayers
internal import LorikeetTensors

/// One row for each picture by attention of a learned query to its tokens, and a feed-forward
/// (Zhai et al., "Scaling vision transformers", 2022, section 3.2): SigLIP's `head`.
struct AttentionPooling {
  private let probe: Parameter
  private let weight: Parameter
  private let bias: Parameter
  private let output: Linear
  private let norm: LayerNorm
  private let feedForward: FeedForward
  private let form: EncoderBlock.Form

  init(_ scope: LayerScope, _ form: EncoderBlock.Form) {
    self.form = form
    let width = form.width
    probe = scope.parameter("probe", [1, 1, width], initial: .normal(0.02))
    let attention = scope.scoped("attention")
    weight = attention.parameter("in_proj_weight", [3 * width, width], initial: .normal(0.02))
    bias = attention.parameter("in_proj_bias", [3 * width])
    output = attention.linear("out_proj", inputs: width, outputs: width, bias: true)
    norm = LayerNorm(scope.scoped("layernorm"), width: width, epsilon: form.epsilon)
    feedForward = FeedForward(clip: scope.scoped("mlp"), form)
  }

  /// - Parameter x: `[images x tokens, width]`.
  /// - Returns: `[images, width]`.
  func callAsFunction(_ x: Variable, tokens: Int, _ context: ForwardContext) -> Variable {
    let tape = context.tape
    let (width, images) = (form.width, x.shape.rows / tokens)
    let query = tape.columns(
      tape.linear(tape.reshape(probe.variable, [1, width]), weight, bias: bias), 0..<width)
    let all = tape.linear(x, weight, bias: bias)  // [images x tokens, 3 width]
    var record = AttentionRecord()
    let mixed = tape.attention(
      tape.joinRows(Array(repeating: (query, 0..<1), count: images), width: width),
      tape.columns(all, width..<2 * width), tape.columns(all, 2 * width..<3 * width),
      segments: (0..<images).map {
        AttentionSegment(queries: $0..<$0 + 1, keys: $0 * tokens..<($0 + 1) * tokens)
      }, shape: form.shape, record: &record)
    let pooled = output(mixed, context)
    return tape.add(pooled, feedForward(norm(pooled, context), context))
  }
}
