// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

/// Products of a few rows with a weight, as decoding a token makes them. They take as long as reading
/// the weight does: it is read once, where it lies, and converted in registers.
enum ThinProduct {
  /// Up to how many rows this is the faster way; measured with AVX-512 and AVX2 against our other
  /// kernels, guessed where OpenBLAS is in use.
  static func mostRows(transposed: Bool, _ dtype: DType) -> Int {
    guard MatrixProductEngine.chosen == .own else { return dtype == .float32 ? 2 : 8 }
    return switch dtype {
    case .float32: 12
    case .bfloat16, .float16: transposed ? 24 : 12
    case .q8_0: transposed ? 24 : 8
    default: transposed ? 20 : 4
    }
  }

  /// `matrixProduct` with a stored W.
  ///
  /// - Returns: false, and does nothing, for a type that has no kernel.
  static func run(
    _ x: UnsafePointer<Float>, ldx: Int, stored w: StoredMatrix, transposed: Bool,
    into y: UnsafeMutablePointer<Float>, ldy: Int, m: Int, alpha: Float, beta: Float
  ) -> Bool {
    guard let format = w.dtype.kernelFormat else { return false }
    run(
      x, ldx, (w.bytes, format, w.dtype), rows: w.rows, columns: w.columns, stride: w.rowBytes,
      transposed: transposed, into: y, ldy, m, alpha, beta)
    return true
  }

  /// `matrixProduct` with a float32 B in the place of the weight.
  static func run(
    _ a: UnsafePointer<Float>, lda: Int, _ b: UnsafePointer<Float>, ldb: Int, transposed: Bool,
    into c: UnsafeMutablePointer<Float>, ldc: Int, m: Int, n: Int, k: Int, alpha: Float,
    beta: Float
  ) {
    run(
      a, lda, (UnsafeRawPointer(b), LK_F32, .float32), rows: transposed ? n : k,
      columns: transposed ? k : n, stride: ldb * 4, transposed: transposed, into: c, ldc, m, alpha,
      beta)
  }

  private static func run(
    _ x: UnsafePointer<Float>, _ ldx: Int, _ w: (UnsafeRawPointer, lk_format, DType), rows: Int,
    columns: Int, stride: Int, transposed: Bool, into y: UnsafeMutablePointer<Float>, _ ldy: Int,
    _ m: Int, _ alpha: Float, _ beta: Float
  ) {
    let (base, format, dtype) = w
    let block = dtype.blockElements
    // Each task owns columns of y: rows of W, or whole blocks of its columns, by cache lines.
    let unit = transposed ? 4 : max(block, 32)
    let units = ((transposed ? rows : columns) + unit - 1) / unit
    let pieces = min(units, tasks(values: rows * columns, bytes: rows * stride, m: m))
    guard pieces > 1 else {
      lk_thin(
        format, transposed ? 1 : 0, m, rows, columns, alpha, x, ldx, base, stride, beta, y, ldy)
      return
    }
    nonisolated(unsafe) let (x, y, bytes) = (x, y, base)
    ThreadPool.shared.run(pieces) { piece in
      let part = ThreadPool.part(piece, of: pieces, count: units)
      let start = part.lowerBound * unit
      if transposed {
        lk_thin(
          format, 1, m, min(part.upperBound * unit, rows) - start, columns, alpha, x, ldx,
          bytes + start * stride, stride, beta, y + start, ldy)
      } else {
        lk_thin(
          format, 0, m, rows, min(part.upperBound * unit, columns) - start, alpha, x, ldx,
          bytes + start / block * dtype.blockBytes, stride, beta, y + start, ldy)
      }
    }
  }

  /// Into how many tasks a product is cut.
  private static func tasks(values: Int, bytes: Int, m: Int) -> Int {
    let threads = ThreadPool.shared.threads
    // Microseconds in one thread, at 25 bytes or 30 values a nanosecond; a task is worth 2 of them.
    let time = max(Double(bytes) / 25e3, Double(values) * Double((m + 1) / 2) / 30e3)
    // Longer products get more tasks, so that a thread that was held up is helped out.
    return max(
      1, min(Int(min(time / 2, 1e6)), time > 400 ? 4 * threads : time > 40 ? 2 * threads : threads))
  }
}
