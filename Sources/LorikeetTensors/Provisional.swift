internal import COpenBLAS

package func parallelRows(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
  if count > 0 { body(0..<count) }
}
package func matrixProduct(
  _ a: UnsafePointer<Float>, lda: Int, transposed ta: Bool, _ b: UnsafePointer<Float>, ldb: Int,
  transposed tb: Bool, into c: UnsafeMutablePointer<Float>, ldc: Int, m: Int, n: Int, k: Int,
  alpha: Float, beta: Float
) {
  guard m > 0, n > 0 else { return }
  if k == 0 {
    if beta == 0 { for i in 0..<m { for j in 0..<n { c[i * ldc + j] = 0 } } }
    return
  }
  cblas_sgemm(
    CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, Int32(m),
    Int32(n), Int32(k), alpha, a, Int32(lda), b, Int32(ldb), beta, c, Int32(ldc))
}
package func serialMatrixProduct(
  _ a: UnsafePointer<Float>, lda: Int, transposed ta: Bool, _ b: UnsafePointer<Float>, ldb: Int,
  transposed tb: Bool, into c: UnsafeMutablePointer<Float>, ldc: Int, m: Int, n: Int, k: Int,
  alpha: Float, beta: Float
) {
  matrixProduct(
    a, lda: lda, transposed: ta, b, ldb: ldb, transposed: tb, into: c, ldc: ldc, m: m, n: n, k: k,
    alpha: alpha, beta: beta)
}
