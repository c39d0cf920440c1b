// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

/// How a grid of position embeddings is brought to another grid, as a matrix. The first two are cubic
/// convolution (Keys, 1981) with half-pixel centres, what PyTorch's
/// `interpolate(mode: "bicubic", align_corners: false)` computes.
enum PositionInterpolation {
  /// a = -0.75, edges repeated.
  case plain
  /// `antialias: true`: a = -0.5, edges cut off, wider towards smaller grids.
  case antialiased
  /// The embedding of the place at the same fraction of the side (Dehghani et al., "Patch n' Pack",
  /// 2023), rounded down. transformers compares fractions in float32, and for some sides rounding
  /// makes it take the place before; here it is exact.
  case fractional

  /// `[target rows x target columns, side x side]`.
  func matrix(side: Int, rows: Int, columns: Int) -> Tensor {
    let vertical = taps(from: side, to: rows)
    let horizontal = taps(from: side, to: columns)
    var matrix = Tensor(repeating: 0, [rows * columns, side * side])
    for (y, down) in vertical.enumerated() {
      for (x, across) in horizontal.enumerated() {
        for (sourceY, weightY) in down {
          for (sourceX, weightX) in across {
            let place = (y * columns + x) * side * side + sourceY * side + sourceX
            matrix[flat: place] += weightY * weightX
          }
        }
      }
    }
    return matrix
  }

  /// For each target the source indices with their weights.
  private func taps(from source: Int, to target: Int) -> [[(Int, Float)]] {
    let scale = Float(source) / Float(target)
    return (0..<target).map { index in
      if self == .fractional { return [(index * source / target, 1)] }
      let center = (Float(index) + 0.5) * scale
      switch self {
      case .plain:
        let position = center - 0.5
        let whole = position.rounded(.down)
        let t = position - whole
        return (-1...2).map { offset in
          let nearest = min(max(Int(whole) + offset, 0), source - 1)
          return (nearest, Self.cubic(abs(t - Float(offset)), a: -0.75))
        }
      case .antialiased:
        let stretch = max(scale, 1)
        let first = max(Int(center - 2 * stretch + 0.5), 0)
        let end = min(Int(center + 2 * stretch + 0.5), source)
        let weights = (first..<end).map {
          Self.cubic(abs((Float($0) - center + 0.5) / stretch), a: -0.5)
        }
        let sum = weights.reduce(0, +)
        return zip(first..<end, weights).map { ($0, $1 / sum) }
      case .fractional: return []
      }
    }
  }

  private static func cubic(_ x: Float, a: Float) -> Float {
    if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
  }
}
