// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
public import LorikeetTensors

/// LoRA on one linear layer: y + s B A dropout(x) on the rows of some modalities (Hu et al., "LoRA:
/// Low-rank adaptation of large language models", 2021, section 4.1).
///
/// With all rows this is plain LoRA; with image rows only, partial LoRA (Dong et al.,
/// "InternLM-XComposer2", 2024, eq. 2); one a modality, modality-specific LoRA.
public final class LowRankAdapter: LinearAdapter {
  /// `[r, in]`.
  public let a: Parameter
  /// `[out, r]`.
  public let b: Parameter
  /// `[out]`, PEFT's `lora_bias`.
  public let bias: Parameter?
  public let scale: Float
  public let dropout: Float
  /// The modalities on whose rows it acts; nil for all rows.
  public var modalities: Set<Modality>?

  public init(
    a: Parameter, b: Parameter, bias: Parameter?, scale: Float, dropout: Float,
    modalities: Set<Modality>?
  ) {
    self.a = a
    self.b = b
    self.bias = bias
    self.scale = scale
    self.dropout = dropout
    self.modalities = modalities
  }

  public func apply(to output: Variable, input: Variable, _ context: ForwardContext) -> Variable {
    let rows = input.shape.rows
    let runs = modalities.map { context.modalities.rows(of: $0) } ?? [0..<rows]
    guard !runs.isEmpty else { return output }
    let mask =
      context.isTraining && dropout > 0
      ? DropoutMask(probability: dropout, key: context.nextDropoutKey()) : nil
    var result = context.tape.addLowRank(
      to: output, input, a: a.variable, b: b.variable, scale: scale, runs: runs, dropout: mask)
    if let bias {
      result = context.tape.addRowBias(
        to: result, bias: bias.variable, scale: scale, runs: runs)
    }
    return result
  }

  /// s B A, `[out, in]`.
  public var delta: Tensor {
    Kernels.product(b.variable.value, a.variable.value, alpha: scale)
  }
}
