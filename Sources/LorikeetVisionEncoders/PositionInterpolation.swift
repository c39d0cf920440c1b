// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

/// Bicubic interpolation of a grid of position embeddings to another grid, as a matrix.
///
/// Cubic convolution with a = -0.75 (Keys, 1981), half-pixel centres, no antialiasing, edges
/// repeated: what PyTorch's `interpolate(mode: "bicubic", align_corners: false)` computes.
enum PositionInterpolation {
  /// `[target rows x target columns, side x side]`.
  static func matrix(side: Int, rows: Int, columns: Int) -> Tensor {
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
  private static func taps(from source: Int, to target: Int) -> [[(Int, Float)]] {
    let scale = Float(source) / Float(target)
    return (0..<target).map { index in
      let position = (Float(index) + 0.5) * scale - 0.5
      let whole = position.rounded(.down)
      let t = position - whole
      return (-1...2).map { offset in
        let nearest = min(max(Int(whole) + offset, 0), source - 1)
        return (nearest, cubic(abs(t - Float(offset))))
      }
    }
  }

  private static func cubic(_ x: Float) -> Float {
    let a: Float = -0.75
    if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
  }
}
