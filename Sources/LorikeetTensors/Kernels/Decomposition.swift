// SPDX-License-Identifier: Apache-2.0

internal import COpenBLAS

/// A matrix as u diag(values) v: the columns of u and the rows of v are orthonormal, the values fall.
package struct SingularValues {
  /// `[rows, k]`.
  package let u: Tensor
  /// k of them.
  package let values: [Float]
  /// `[k, width]`.
  package let v: Tensor
}

extension Kernels {
  /// The singular value decomposition of a matrix `[rows, width]`, k being the smaller extent.
  ///
  /// - Returns: nil if it does not converge (as for values that are not finite) or is too large for LAPACK.
  package static func singularValues(_ x: Tensor) -> SingularValues? {
    MatrixProductEngine.pinOpenBLAS
    let (rows, width) = (x.rows, x.width)
    let rank = min(rows, width)
    guard rank > 0 else {
      return SingularValues(
        u: Tensor(repeating: 0, [rows, 0]), values: [], v: Tensor(repeating: 0, [0, width]))
    }
    guard let m = blasint(exactly: width), let n = blasint(exactly: rows),
      let k = blasint(exactly: rank), isFinite(x)
    else { return nil }
    // To LAPACK, which goes by columns, a row-major matrix is its transpose: u and v change places.
    var input = copy(x)
    var (u, v) = (Tensor(uninitialized: [rows, rank]), Tensor(uninitialized: [rank, width]))
    var values = [Float](repeating: 0, count: rank)
    var integers = [blasint](repeating: 0, count: 8 * rank)
    let failed = withWorkspace(atLeast: 4 * rank * rank + 7 * rank) { work, length, info in
      input.withMutablePointer { input in
        u.withMutablePointer { u in
          v.withMutablePointer { v in
            withUnsafePointer(to: m) { m in
              withUnsafePointer(to: n) { n in
                withUnsafePointer(to: k) { k in
                  sgesdd_(
                    "S", m, n, input, m, &values, v, m, u, k, work, length, &integers, info, 1)
                }
              }
            }
          }
        }
      }
    }
    return failed ? nil : SingularValues(u: u, values: values, v: v)
  }

  /// The singular value decomposition of b a, b `[rows, r]`, a `[r, width]`, without that matrix.
  ///
  /// With b^T = L_b Q_b and a = L_a Q_a, b a = Q_b^T (L_b^T L_a) Q_a, and only the matrix in the middle,
  /// `[r, r]`, need be decomposed. Where r is not the smallest extent, b a is.
  ///
  /// - Returns: nil as of a matrix.
  package static func singularValues(of b: Tensor, times a: Tensor) -> SingularValues? {
    precondition(b.width == a.rows, "singularValues: \(b.shape) times \(a.shape)")
    guard a.rows > 0, a.rows < min(b.rows, a.width) else { return singularValues(product(b, a)) }
    guard let left = orthonormalRows(transposed(b)), let right = orthonormalRows(a),
      let core = singularValues(product(left.factor, right.factor, transposeA: true))
    else { return nil }
    return SingularValues(
      u: product(left.rows, core.u, transposeA: true), values: core.values,
      v: product(core.v, right.rows))
  }

  /// x = factor rows: `[r, n]` with r <= n as a lower triangle `[r, r]` and orthonormal rows `[r, n]`.
  private static func orthonormalRows(_ x: Tensor) -> (factor: Tensor, rows: Tensor)? {
    MatrixProductEngine.pinOpenBLAS
    guard let m = blasint(exactly: x.width), let n = blasint(exactly: x.rows) else { return nil }
    var q = copy(x)
    var reflectors = [Float](repeating: 0, count: x.rows)
    let failed = q.withMutablePointer { q in
      withUnsafePointer(to: m) { m in
        withUnsafePointer(to: n) { n in
          withWorkspace(atLeast: x.rows) { work, length, info in
            sgeqrf_(m, n, q, m, &reflectors, work, length, info)
          }
        }
      }
    }
    if failed { return nil }
    var factor = [Float](repeating: 0, count: x.rows * x.rows)
    q.withPointer { q in
      for row in 0..<x.rows {
        for column in 0...row { factor[row * x.rows + column] = q[row * x.width + column] }
      }
    }
    let incomplete = q.withMutablePointer { q in
      withUnsafePointer(to: m) { m in
        withUnsafePointer(to: n) { n in
          withWorkspace(atLeast: x.rows) { work, length, info in
            sorgqr_(m, n, n, q, m, reflectors, work, length, info)
          }
        }
      }
    }
    return incomplete ? nil : (Tensor(factor, [x.rows, x.rows]), q)
  }

  /// Calls a routine of LAPACK twice: to ask how much room it wants, and to do the work.
  ///
  /// - Returns: whether it failed.
  private static func withWorkspace(
    atLeast count: Int,
    _ routine: (UnsafeMutablePointer<Float>, UnsafePointer<blasint>, UnsafeMutablePointer<blasint>)
      -> Void
  ) -> Bool {
    var (wish, query, info): (Float, blasint, blasint) = (0, -1, 0)
    routine(&wish, &query, &info)
    // The wish is a float32, which rounds large numbers.
    guard info == 0, var length = blasint(exactly: max(count, Int((wish * 1.0001).rounded(.up))))
    else { return true }
    let work = UnsafeMutablePointer<Float>.allocate(capacity: Int(length))
    defer { work.deallocate() }
    routine(work, &length, &info)
    return info != 0
  }

  /// Rows of a matrix, each multiplied by a factor of its own.
  package static func scaleRows(_ x: Tensor, by factors: Tensor) -> Tensor {
    precondition(factors.count == x.rows, "scaleRows: \(factors.shape) for \(x.shape)")
    return transposed(scaleColumns(transposed(x), by: factors))
  }
}
