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
  /// Frames that a patch spans.
  let frames: Int

  /// - Parameter scope: where `weight` and `bias` stand; the weight is `[width, 3, size, size]`, or
  ///   with frames `[width, 3, frames, size, size]`.
  public init(
    _ scope: LayerScope, width: Int, size: Int, frames: Int? = nil, bias: Bool = true
  ) {
    let shape = Shape([width, 3] + (frames.map { [$0] } ?? []) + [size, size])
    weight = scope.parameter("weight", shape, initial: .normal(0.02))
    self.bias = bias ? scope.parameter("bias", [width]) : nil
    self.size = size
    self.frames = frames ?? 1
  }

  /// - Parameter pixels: `[images, 3, height, width]`, or `[images, 3 x frames, height, width]`.
  /// - Returns: `[images x patches, width]`, patches row by row.
  public func callAsFunction(_ pixels: Tensor, _ tape: Tape) -> Variable {
    let pixels = pixels.shape[1] == 3 * frames ? pixels : repeated(pixels)
    return tape.patchLinear(Kernels.patches(pixels, size: size), weight, bias: bias)
  }

  /// Each channel as often as there are frames.
  private func repeated(_ pixels: Tensor) -> Tensor {
    let (images, height, width) = (pixels.shape[0], pixels.shape[2], pixels.shape[3])
    let planes = pixels.reshaped([images * 3, height * width])
    let pieces = (0..<images * 3).flatMap { Array(repeating: (planes, $0..<$0 + 1), count: frames) }
    return Kernels.gatherRows(pieces, width: height * width).reshaped(
      [images, 3 * frames, height, width])
  }
}
