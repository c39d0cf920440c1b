// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels
internal import COpenBLAS

/// C = alpha op(A) op(B) + beta C over row-major matrices, split over the thread pool.
///
/// op(A) is `[m, k]`, op(B) `[k, n]`, C `[m, n]`; op transposes where the flag says so, so that a
/// transposed A lies in memory as `[k, m]`. `lda`, `ldb`, `ldc` are the distances between rows in
/// memory, counted in elements. C is not read when `beta` is 0. With a `bias` of n values, which are
/// added to each row, C is not read either, whatever `beta` is. The same shape and number of threads
/// give the same bits.
package func matrixProduct(
  _ a: UnsafePointer<Float>, lda: Int, transposed transposeA: Bool,
  _ b: UnsafePointer<Float>, ldb: Int, transposed transposeB: Bool,
  into c: UnsafeMutablePointer<Float>, ldc: Int, m: Int, n: Int, k: Int,
  alpha: Float = 1, beta: Float = 0, bias: UnsafePointer<Float>? = nil
) {
  WorkCounter.addProduct(m: m, n: n, k: k)
  let beta = bias == nil ? beta : 1
  if !transposeA, m <= ThinProduct.mostRows(transposed: transposeB, .float32) {
    setRows(of: c, ldc, 0..<m, columns: 0..<n, to: bias)
    ThinProduct.run(
      a, lda: lda, b, ldb: ldb, transposed: transposeB, into: c, ldc: ldc, m: m, n: n, k: k,
      alpha: alpha, beta: beta)
    return
  }
  let grid = ProductGrid(m: m, n: n, k: k, threads: ThreadPool.shared.threads)
  guard grid.count > 1 else {
    setRows(of: c, ldc, 0..<m, columns: 0..<n, to: bias)
    return serialMatrixProduct(
      a, lda: lda, transposed: transposeA, b, ldb: ldb, transposed: transposeB, into: c, ldc: ldc,
      m: m, n: n, k: k, alpha: alpha, beta: beta)
  }
  nonisolated(unsafe) let (a, b, c, bias) = (a, b, c, bias)
  ThreadPool.shared.run(grid.count) { index in
    let (rows, columns) = grid.tile(index)
    setRows(of: c, ldc, rows, columns: columns, to: bias)
    serialMatrixProduct(
      a + rows.lowerBound * (transposeA ? 1 : lda), lda: lda, transposed: transposeA,
      b + columns.lowerBound * (transposeB ? ldb : 1), ldb: ldb, transposed: transposeB,
      into: c + rows.lowerBound * ldc + columns.lowerBound, ldc: ldc,
      m: rows.count, n: columns.count, k: k, alpha: alpha, beta: beta)
  }
}

/// `matrixProduct` in the calling thread alone: for products inside the bodies of parallel loops.
package func serialMatrixProduct(
  _ a: UnsafePointer<Float>, lda: Int, transposed transposeA: Bool,
  _ b: UnsafePointer<Float>, ldb: Int, transposed transposeB: Bool,
  into c: UnsafeMutablePointer<Float>, ldc: Int, m: Int, n: Int, k: Int,
  alpha: Float = 1, beta: Float = 0
) {
  guard m > 0, n > 0 else { return }
  if MatrixProductEngine.chosen == .openBLAS, k > 0,
    max(m, n, k, lda, ldb, ldc) <= Int(Int32.max)
  {
    MatrixProductEngine.pinOpenBLAS
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      blasint(m), blasint(n), blasint(k), alpha, a, blasint(lda), b, blasint(ldb), beta, c,
      blasint(ldc))
  } else {
    lk_sgemm(
      transposeA ? 1 : 0, transposeB ? 1 : 0, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, nil)
  }
}

/// Fills a tile of C with the bias that its product is added to, while the tile is about to be in the
/// cache anyway; does nothing without one.
func setRows(
  of c: UnsafeMutablePointer<Float>, _ ldc: Int, _ rows: Range<Int>, columns: Range<Int>,
  to bias: UnsafePointer<Float>?
) {
  guard let bias else { return }
  for row in rows {
    (c + row * ldc + columns.lowerBound).update(
      from: bias + columns.lowerBound, count: columns.count)
  }
}

/// How the result of a product is cut into tiles, one for a task.
struct ProductGrid {
  private let m: Int
  private let n: Int
  private var across = 1
  private var down = 1

  var count: Int { across * down }

  init(m: Int, n: Int, k: Int, threads: Int) {
    self.m = m
    self.n = n
    guard m > 0, n > 0, k > 0, threads > 1 else { return }
    // Microseconds, at 200 flop and 15 bytes a nanosecond; a task is worth some 5 of them.
    let (rows, columns, depth) = (Double(m), Double(n), Double(k))
    let arithmetic = 2 * rows * columns * depth / 200e3
    let traffic = 4 * (rows * depth + columns * depth + rows * columns) / 15e3
    let worthwhile = Int(min(max(arithmetic, traffic) / 5, 1e6))
    // Large products get several tasks a thread, so that a thread that was held up is helped out.
    let tasks = min(worthwhile, threads * (arithmetic > 8000 ? 4 : arithmetic > 1000 ? 2 : 1))
    guard tasks > 1 else { return }
    // The cut whose last thread ends first: the elements that it computes, and the rows and columns
    // that it copies, each of which costs as much as some 16 elements.
    var best = Int.max
    for down in 1...min(tasks, max(m / 16, 1)) {
      let across = min(tasks / down, max(n / 32, 1))
      let (height, width) = ((m + down - 1) / down, (n + across - 1) / across)
      let rounds = (down * across + threads - 1) / threads
      let cost = rounds * (height * width + 16 * (height + width))
      if cost < best { (best, self.down, self.across) = (cost, down, across) }
    }
  }

  /// The rows and columns of tile `index`.
  func tile(_ index: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    let rows = ThreadPool.part(index / across, of: down, count: m)
    // Columns are cut at multiples of 16, a cache line.
    let lines = ThreadPool.part(index % across, of: across, count: (n + 15) / 16)
    return (rows, lines.lowerBound * 16..<min(lines.upperBound * 16, n))
  }
}
