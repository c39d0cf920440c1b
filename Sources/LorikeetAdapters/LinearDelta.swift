// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// What a term amounts to: it makes W + weight of a layer's weight W, and b + bias of its bias b.
///
/// Merging adds it, and conversion to LoRA takes it apart.
public struct LinearDelta {
  public enum Weight {
    /// scale b a, a `[r, in]`, b `[out, r]`.
    case lowRank(a: Tensor, b: Tensor, scale: Float)
    /// `[out, in]`, of any rank.
    case dense(Tensor)

    /// The whole matrix, `[out, in]`.
    public var matrix: Tensor {
      switch self {
      case .lowRank(let a, let b, let scale): Kernels.product(b, a, alpha: scale)
      case .dense(let matrix): matrix
      }
    }

    /// Its singular values, nil if they cannot be computed.
    var singularValues: SingularValues? {
      switch self {
      case .lowRank(let a, let b, let scale):
        var scaled = a
        Kernels.scale(&scaled, by: scale)
        return Kernels.singularValues(of: b, times: scaled)
      case .dense(let matrix): return Kernels.singularValues(matrix)
      }
    }
  }

  public var weight: Weight
  /// `[out]`; nil for none.
  public var bias: Tensor?

  public init(_ weight: Weight, bias: Tensor? = nil) {
    self.weight = weight
    self.bias = bias
  }
}
