// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

/// The numerical work of the toolkit as plain functions over tensors: no gradients, no state.
///
/// Work is split over the thread pool by rows; the result does not depend on the split except where
/// gradients of shared weights are summed, whose order is fixed by the thread count.
package enum Kernels {}

/// A pointer that may cross into pool tasks.
///
/// `@unchecked Sendable`: tasks write to disjoint rows, and the caller keeps the memory alive until
/// all of them have ended.
package struct SharedPointer: @unchecked Sendable {
  let raw: UnsafeMutablePointer<Float>
  init(_ raw: UnsafeMutablePointer<Float>) { self.raw = raw }
  init(_ raw: UnsafePointer<Float>) { self.raw = UnsafeMutablePointer(mutating: raw) }
  /// For reading; the tensor must outlive it (`withExtendedLifetime`).
  init(to tensor: Tensor) { self.init(tensor.withPointer { $0 }) }
  /// For writing; the tensor must outlive it, and must not be touched meanwhile.
  init(into tensor: inout Tensor) { self.init(tensor.withMutablePointer { $0 }) }
}

extension Kernels {
  /// Elements that one task should have at the least.
  static let grain = 16_384

  /// Rows of `width` elements that one task should have at the least.
  static func rowGrain(_ width: Int) -> Int { max(1, grain / max(width, 1)) }

  /// c = alpha op(a) op(b) + beta c over matrices `[rows, width]`; of c only the rows `range` if given.
  package static func product(
    _ a: Tensor, _ b: Tensor, transposeA ta: Bool = false, transposeB tb: Bool = false,
    into c: inout Tensor, rows range: Range<Int>? = nil, alpha: Float = 1, beta: Float = 0
  ) {
    let m = ta ? a.width : a.rows
    let k = ta ? a.rows : a.width
    let n = tb ? b.rows : b.width
    let rows = range ?? 0..<c.rows
    precondition(
      (tb ? b.width : b.rows) == k && rows.count == m && c.width == n && rows.upperBound <= c.rows,
      "product: \(a.shape)\(ta ? "^T" : "") x \(b.shape)\(tb ? "^T" : "") into \(c.shape) rows \(rows)"
    )
    c.withMutablePointer { c in
      a.withPointer { a in
        b.withPointer { b in
          matrixProduct(
            a, lda: ta ? m : k, transposed: ta, b, ldb: tb ? k : n, transposed: tb,
            into: c + rows.lowerBound * n, ldc: n, m: m, n: n, k: k, alpha: alpha, beta: beta)
        }
      }
    }
  }

  /// op(a) op(b).
  package static func product(
    _ a: Tensor, _ b: Tensor, transposeA ta: Bool = false, transposeB tb: Bool = false,
    alpha: Float = 1
  ) -> Tensor {
    var c = Tensor(uninitialized: Shape(ta ? a.width : a.rows, tb ? b.rows : b.width))
    product(a, b, transposeA: ta, transposeB: tb, into: &c, alpha: alpha)
    return c
  }

  /// A tensor whose elements depend on the elements at the same place of the inputs alone.
  static func map(
    _ shape: Shape, _ a: Tensor, _ b: Tensor? = nil,
    _ body:
      @Sendable (Int, UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>)
      -> Void
  ) -> Tensor {
    precondition(
      a.count == shape.count && (b ?? a).count == shape.count,
      "element-wise: \(a.shape) and \((b ?? a).shape) for \(shape)")
    var y = Tensor(uninitialized: shape)
    y.withMutablePointer { y in
      a.withPointer { a in
        (b ?? Tensor(shape: shape, storage: y0, offset: 0)).withPointer { b in
          let (a, b, y) = (SharedPointer(a), SharedPointer(b), SharedPointer(y))
          parallelRows(shape.count, grain: grain) { range in
            let start = range.lowerBound
            body(range.count, a.raw + start, b.raw + start, y.raw + start)
          }
        }
      }
    }
    return y
  }
  /// Stands for an operand that is not there; never read.
  private static let y0 = Storage(byteCount: 0)

  package static func add(_ a: Tensor, _ b: Tensor) -> Tensor {
    map(a.shape, a, b) { n, a, b, y in lk_add(n, a, b, y) }
  }

  package static func multiply(_ a: Tensor, _ b: Tensor) -> Tensor {
    map(a.shape, a, b) { n, a, b, y in lk_multiply(n, a, b, y) }
  }

  /// y += scale x, without a copy if y is not shared.
  package static func accumulate(_ x: Tensor, scale: Float = 1, into y: inout Tensor) {
    precondition(x.count == y.count, "accumulate: \(x.shape) into \(y.shape)")
    let count = x.count
    y.withMutablePointer { y in
      x.withPointer { x in
        let (x, y) = (SharedPointer(x), SharedPointer(y))
        parallelRows(count, grain: grain) { range in
          lk_axpy(range.count, scale, x.raw + range.lowerBound, y.raw + range.lowerBound)
        }
      }
    }
  }

  package static func scale(_ x: inout Tensor, by factor: Float) {
    let count = x.count
    x.withMutablePointer { lk_scale(count, factor, $0) }
  }

  /// The sum of the squares of all elements.
  package static func sumOfSquares(_ x: Tensor) -> Double {
    x.withPointer { lk_sum_squares(x.count, $0) }
  }

  package static func isFinite(_ x: Tensor) -> Bool {
    x.withPointer { lk_all_finite(x.count, $0) != 0 }
  }

  /// y[r] += bias for every row.
  package static func addBias(_ bias: Tensor, to y: inout Tensor) {
    precondition(bias.count == y.width, "addBias: \(bias.shape) to \(y.shape)")
    let (rows, width) = (y.rows, y.width)
    y.withMutablePointer { y in
      bias.withPointer { bias in
        let (bias, y) = (SharedPointer(bias), SharedPointer(y))
        parallelRows(rows, grain: rowGrain(width)) { range in
          lk_add_bias(range.count, width, bias.raw, y.raw + range.lowerBound * width)
        }
      }
    }
  }

  /// y[r] = bias for every row; zeros without one.
  static func setRows(of y: inout Tensor, to bias: Tensor?) {
    let (rows, width) = (y.rows, y.width)
    precondition((bias?.count ?? width) == width, "setRows: \(y.shape)")
    y.withMutablePointer { y in
      guard let bias else { return y.update(repeating: 0, count: rows * width) }
      bias.withPointer {
        LorikeetTensors.setRows(of: y, width, 0..<rows, columns: 0..<width, to: $0)
      }
    }
  }

  /// The sum of the rows, `[width]`.
  package static func sumOfRows(_ x: Tensor) -> Tensor {
    var sum = Tensor(repeating: 0, [x.width])
    sum.withMutablePointer { sum in
      x.withPointer { lk_sum_rows(x.rows, x.width, $0, sum) }
    }
    return sum
  }

  /// Rows of several tensors one after the other; all have the same width.
  package static func gatherRows(_ pieces: [(tensor: Tensor, rows: Range<Int>)], width: Int)
    -> Tensor
  {
    var y = Tensor(uninitialized: Shape(pieces.reduce(0) { $0 + $1.rows.count }, width))
    y.withMutablePointer { y in
      var target = y
      for piece in pieces where !piece.rows.isEmpty {
        precondition(
          piece.tensor.width == width && piece.rows.lowerBound >= 0
            && piece.rows.upperBound <= piece.tensor.rows,
          "gatherRows: \(piece.rows) of \(piece.tensor.shape), width \(width)")
        let count = piece.rows.count * width
        piece.tensor.withPointer {
          target.update(from: $0 + piece.rows.lowerBound * width, count: count)
        }
        target += count
      }
    }
    return y
  }

  /// y[range] += x, for rows.
  package static func addRows(_ x: Tensor, into y: inout Tensor, rows range: Range<Int>) {
    precondition(
      x.rows == range.count && x.width == y.width && range.lowerBound >= 0
        && range.upperBound <= y.rows,
      "addRows: \(x.shape) into rows \(range) of \(y.shape)")
    let width = y.width
    y.withMutablePointer { y in
      x.withPointer { lk_axpy(x.count, 1, $0, y + range.lowerBound * width) }
    }
  }

  /// y[run] += x for runs of rows; those of x stand one after the other.
  package static func scatterRows(_ x: Tensor, into y: inout Tensor, runs: [Range<Int>]) {
    let width = y.width
    precondition(
      x.width == width && x.rows == runs.reduce(0) { $0 + $1.count }
        && runs.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= y.rows },
      "scatterRows: \(x.shape) into \(y.shape)")
    y.withMutablePointer { y in
      x.withPointer { x in
        var source = x
        for run in runs {
          lk_axpy(run.count * width, 1, source, y + run.lowerBound * width)
          source += run.count * width
        }
      }
    }
  }

  /// The same values in memory of their own.
  package static func copy(_ x: Tensor) -> Tensor {
    gatherRows([(x.reshaped([1, x.count]), 0..<1)], width: x.count).reshaped(x.shape)
  }

  /// y[row...] = x, for rows.
  package static func copyRows(_ x: Tensor, into y: inout Tensor, at row: Int) {
    precondition(
      x.width == y.width && row >= 0 && row + x.rows <= y.rows,
      "copyRows: \(x.shape) to row \(row) of \(y.shape)")
    let width = y.width
    y.withMutablePointer { y in
      x.withPointer { (y + row * width).update(from: $0, count: x.count) }
    }
  }

  /// One AdamW step in place: see `lk_adamw`. `step` counts from 1.
  package static func adamW(
    _ value: inout Tensor, gradient: Tensor, first: inout Tensor, second: inout Tensor,
    rate: Float, beta1: Float, beta2: Float, epsilon: Float, decay: Float, step: Int,
    gradientScale: Float
  ) {
    let count = value.count
    precondition(gradient.count == count && first.count == count && second.count == count)
    let correction1 = 1 - Float.power(beta1, step)
    let correction2 = 1 - Float.power(beta2, step)
    value.withMutablePointer { value in
      first.withMutablePointer { first in
        second.withMutablePointer { second in
          gradient.withPointer { gradient in
            let (w, g, m, v) = (
              SharedPointer(value), SharedPointer(gradient), SharedPointer(first),
              SharedPointer(second)
            )
            parallelRows(count, grain: grain) { range in
              let i = range.lowerBound
              lk_adamw(
                range.count, w.raw + i, g.raw + i, m.raw + i, v.raw + i, rate, beta1, beta2,
                epsilon, decay, correction1, correction2, gradientScale)
            }
          }
        }
      }
    }
  }
}

extension Float {
  /// base^exponent for a whole exponent, in double precision.
  fileprivate static func power(_ base: Float, _ exponent: Int) -> Float {
    var (result, factor, n) = (1.0, Double(base), exponent)
    while n > 0 {
      if n & 1 == 1 { result *= factor }
      factor *= factor
      n >>= 1
    }
    return Float(result)
  }
}
