// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
internal import LorikeetTensors

/// The norm of each row of W + s B A, without that matrix:
/// |W_j + s B_j A|^2 = |W_j|^2 + 2 s B_j (A W_j) + s^2 B_j (A A^T) B_j.
///
/// They are computed again only when what they are made of has changed.
final class RowNorms {
  /// Which way the matrix lies in memory.
  enum Layout {
    /// W `[rows, columns]`, as in a linear layer.
    case rows
    /// W^T, as in a table of embeddings, whose rows are W's columns.
    case columns
  }
  private let weight: Parameter
  private let layout: Layout
  private var cache: Known?

  /// The norms, and what they were computed from. It is kept alive, so that its identity tells whether
  /// anything has changed.
  private struct Known {
    let weight: StoredTensor
    let squares: [Float]
    let a: Tensor
    let b: Tensor
    let values: Tensor
  }

  init(_ weight: Parameter, _ layout: Layout) {
    self.weight = weight
    self.layout = layout
  }

  /// `[rows]`, for A `[r, columns]` and B `[rows, r]`.
  func values(a: Tensor, b: Tensor, scale: Float) -> Tensor {
    let stored = weight.stored
    let known = cache.flatMap { $0.weight.storage === stored.storage ? $0 : nil }
    if let known, known.a.storage === a.storage, known.b.storage === b.storage {
      return known.values
    }
    let squares = known?.squares ?? Self.squares(of: weight, layout)
    let products =
      layout == .rows ? weight.matrix.multiply(a) : weight.matrix.multiplyTransposed(a)
    let cross = Kernels.transposed(products)  // [rows, r]
    let gram = Kernels.product(b, Kernels.product(a, a, transposeB: true))  // [rows, r]
    let (bv, cv, gv, rank) = (b.values, cross.values, gram.values, b.width)
    let norms = squares.indices.map { row in
      var sum = squares[row]
      for k in row * rank..<(row + 1) * rank {
        sum += scale * bv[k] * (2 * cv[k] + scale * gv[k])
      }
      return max(sum, 0).squareRoot()
    }
    let values = Tensor(norms, [norms.count])
    cache = Known(weight: stored, squares: squares, a: a, b: b, values: values)
    return values
  }

  /// The norm of each row of W, `[rows]`: the magnitudes of a new adapter.
  static func initial(_ weight: Parameter, _ layout: Layout) -> Tensor {
    let squares = squares(of: weight, layout)
    return Tensor(squares.map { $0.squareRoot() }, [squares.count])
  }

  private static func squares(of weight: Parameter, _ layout: Layout) -> [Float] {
    let rows = weight.shape[0]
    var (squares, sums): ([Float], [Double]) = ([], [])
    squares.reserveCapacity(rows)
    for start in stride(from: 0, to: rows, by: 64) {
      let block = weight.rows(start..<min(start + 64, rows))
      switch layout {
      case .rows:
        for row in 0..<block.rows {
          squares.append(Float(Kernels.sumOfSquares(block.rows(row..<row + 1))))
        }
      case .columns:
        let part = Kernels.sumOfRows(Kernels.multiply(block, block)).values.map(Double.init)
        sums = sums.isEmpty ? part : zip(sums, part).map { $0 + $1 }
      }
    }
    return layout == .rows ? squares : sums.map { Float($0) }
  }
}

extension Tensor {
  /// m / n, where n may be zero: the factors of DoRA.
  static func factors(_ magnitude: Tensor, over norms: Tensor) -> Tensor {
    Tensor(
      zip(magnitude.values, norms.values).map { $0 / max($1, .leastNormalMagnitude) },
      [norms.count])
  }
}
