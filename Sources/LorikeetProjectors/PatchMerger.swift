// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
internal import LorikeetTensors

/// A norm over the features of each patch, then two linear layers over those of a square of patches
/// (Wang et al., "Qwen2-VL", 2024): `visual.merger` of Qwen2-VL and Qwen2.5-VL.
public final class PatchMerger: Projector {
  private let norm: any Norm
  private let width: Int
  private let first: Linear
  private let second: Linear

  public var normalisation: FeatureNormalisation?
  public var inputLayer: Linear { first }
  // The norm stands between the features and the layer.
  public var takesNormalisation: Bool { false }

  /// - Parameters:
  ///   - inputs: the features of a square.
  ///   - patches: patches of a square.
  ///   - takesMean: whether the norm takes off the mean, and has a bias.
  public init(_ scope: LayerScope, inputs: Int, patches: Int, outputs: Int, takesMean: Bool) {
    width = inputs / patches
    let place = scope.scoped("ln_q")
    norm =
      takesMean
      ? LayerNorm(place, width: width, epsilon: 1e-6) : RMSNorm(place, width: width, epsilon: 1e-6)
    let layers = scope.scoped("mlp")
    first = layers.linear("0", inputs: inputs, outputs: inputs, bias: true)
    second = layers.linear("2", inputs: inputs, outputs: outputs, bias: true)
  }

  /// - Parameter features: `[squares, patches x width]`.
  public func callAsFunction(_ features: Variable, _ context: ForwardContext) -> Variable {
    let tape = context.tape
    // [squares x patches, width]
    let rows = tape.reshape(features, [features.shape.count / width, width])
    let normed = tape.reshape(norm(rows, context), features.shape)
    return second(tape.activate(first(normed, context), .gelu), context)
  }
}
