// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels
internal import COpenBLAS
internal import Foundation

/// Who multiplies matrices.
public enum MatrixProductEngine: String, Sendable {
  case own
  case openBLAS = "openblas"

  /// The engine of this process: what the environment variable `LORIKEET_GEMM` names (`own`,
  /// `openblas`), else our kernels where they are the faster ones.
  ///
  /// They have been measured against OpenBLAS on x86 only; elsewhere OpenBLAS is trusted.
  package static let chosen: MatrixProductEngine = {
    if let name = ProcessInfo.processInfo.environment["LORIKEET_GEMM"],
      let engine = MatrixProductEngine(rawValue: name)
    {
      return engine
    }
    return ["avx512", "avx2"].contains(instructionSet) ? .own : .openBLAS
  }()

  /// The instruction set that our kernels use here: "avx512", "avx2", "neon" or "portable".
  public static var instructionSet: String { String(cString: lk_isa()) }

  /// Ends the threads that OpenBLAS has started for itself, which would keep a processor from a program
  /// that has just begun. For programs, before they use OpenBLAS.
  public static func endThreadsOfOpenBLAS() { openblas_end_threads() }

  /// OpenBLAS is called from the threads of our pool and must not start its own.
  static let pinOpenBLAS: Void = openblas_set_num_threads(1)
}

/// The kernels of one instruction set, in the calling thread; for comparing them.
///
/// The pointer is to a constant table.
package struct MatrixKernels: Sendable {
  nonisolated(unsafe) private let kernels: UnsafePointer<lk_kernels>

  /// - Parameter name: "avx512", "avx2", "neon" or "portable".
  /// - Returns: nil if this machine cannot run them.
  package init?(_ name: String) {
    guard let kernels = lk_kernels_named(name) else { return nil }
    self.kernels = kernels
  }

  /// `serialMatrixProduct` with these kernels.
  package func product(
    _ a: UnsafePointer<Float>, lda: Int, transposed transposeA: Bool,
    _ b: UnsafePointer<Float>, ldb: Int, transposed transposeB: Bool,
    into c: UnsafeMutablePointer<Float>, ldc: Int, m: Int, n: Int, k: Int,
    alpha: Float, beta: Float
  ) {
    kernels.pointee.sgemm(
      transposeA ? 1 : 0, transposeB ? 1 : 0, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc,
      lk_thread_workspace())
  }

  /// `thinMatrixProduct` with these kernels, in the calling thread. Traps on a type that has none.
  package func thinProduct(
    _ x: UnsafePointer<Float>, ldx: Int, stored w: StoredMatrix, transposed: Bool,
    into y: UnsafeMutablePointer<Float>, ldy: Int, m: Int, alpha: Float, beta: Float
  ) {
    guard let format = w.dtype.kernelFormat else {
      preconditionFailure("MatrixKernels.thinProduct: the weights are \(w.dtype.rawValue)")
    }
    kernels.pointee.thin(
      format, transposed ? 1 : 0, m, w.rows, w.columns, alpha, x, ldx, w.bytes, w.rowBytes, beta, y,
      ldy)
  }

  /// Converts stored elements to float32. Traps on a type that has no kernel.
  package func dequantize(
    _ dtype: DType, _ bytes: UnsafeRawPointer, into output: UnsafeMutablePointer<Float>, count: Int
  ) {
    guard let format = dtype.kernelFormat else {
      preconditionFailure("MatrixKernels.dequantize: the values are \(dtype.rawValue)")
    }
    kernels.pointee.dequantize(format, bytes, output, count)
  }
}

extension DType {
  /// What the kernels call it, if they know it.
  var kernelFormat: lk_format? {
    switch self {
    case .float32: LK_F32
    case .bfloat16: LK_BF16
    case .float16: LK_F16
    case .q8_0: LK_Q8_0
    case .q4_0: LK_Q4_0
    case .q4_1: LK_Q4_1
    case .nf4: LK_NF4
    default: nil
    }
  }
}
