// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
public import LorikeetTensors

/// Cuts pictures into square patches and embeds each by one linear map (a convolution whose stride is
/// its size; Dosovitskiy et al., "An image is worth 16x16 words", 2021, eq. 1).
public struct PatchEmbedding {
  private let weight: Parameter
  private let bias: Parameter?
  private let size: Int

  /// - Parameter scope: where `weight` `[width, 3, size, size]` and `bias` stand.
  public init(_ scope: LayerScope, width: Int, size: Int, bias: Bool = true) {
    weight = scope.parameter("weight", [width, 3, size, size], initial: .normal(0.02))
    self.bias = bias ? scope.parameter("bias", [width]) : nil
    self.size = size
  }

  /// - Parameter pixels: `[images, 3, height, width]`.
  /// - Returns: `[images x patches, width]`, patches row by row.
  public func callAsFunction(_ pixels: Tensor, _ tape: Tape) -> Variable {
    tape.patchLinear(Kernels.patches(pixels, size: size), weight, bias: bias)
  }
}
