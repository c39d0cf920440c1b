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

  /// `matrixProduct` with a stored W of a type that has a kernel.
  static func run(
    _ x: UnsafePointer<Float>, ldx: Int, stored w: StoredMatrix, transposed: Bool,
    into y: UnsafeMutablePointer<Float>, ldy: Int, m: Int, alpha: Float, beta: Float
  ) {
    guard let weight = Weight(w) else { return }
    if transposed {
      forward(x, ldx, [weight], into: [(y, ldy)], m, alpha, beta)
    } else {
      backward(x, ldx, weight, into: (y, ldy), m, alpha, beta)
    }
  }

  /// `matrixProduct` with a float32 B in the place of the weight.
  static func run(
    _ a: UnsafePointer<Float>, lda: Int, _ b: UnsafePointer<Float>, ldb: Int, transposed: Bool,
    into c: UnsafeMutablePointer<Float>, ldc: Int, m: Int, n: Int, k: Int, alpha: Float,
    beta: Float
  ) {
    let weight = Weight(b, stride: ldb, rows: transposed ? n : k, columns: transposed ? k : n)
    if transposed {
      forward(a, lda, [weight], into: [(c, ldc)], m, alpha, beta)
    } else {
      backward(a, lda, weight, into: (c, ldc), m, alpha, beta)
    }
  }

  /// X W^T for several weights at once: a thread that is done with its part of one goes on to the
  /// next, and none waits for the others in between.
  ///
  /// - Parameters:
  ///   - weights: of types that have kernels.
  ///   - outputs: `[m, weight.rows]` each, without gaps; what they hold is multiplied by `beta`.
  static func run(
    _ x: UnsafePointer<Float>, ldx: Int, stored weights: [StoredMatrix],
    into outputs: [UnsafeMutablePointer<Float>], m: Int, beta: Float
  ) {
    let known = weights.compactMap(Weight.init)
    for weight in known { WorkCounter.addProduct(m: m, n: weight.rows, k: weight.columns) }
    forward(x, ldx, known, into: zip(outputs, known).map { ($0, $1.rows) }, m, 1, beta)
  }

  /// Whether `run` is the fastest way for so many rows of X and all of these weights.
  static func isFastest(for weights: [StoredMatrix], rows: Int, transposed: Bool) -> Bool {
    weights.allSatisfy {
      $0.dtype.kernelFormat != nil && rows <= mostRows(transposed: transposed, $0.dtype)
    }
  }

  private struct Weight {
    let bytes: UnsafeRawPointer
    let format: lk_format
    let dtype: DType
    let rows: Int
    let columns: Int
    /// Bytes from row to row.
    let stride: Int

    init?(_ matrix: StoredMatrix) {
      guard let format = matrix.dtype.kernelFormat else { return nil }
      self.format = format
      (bytes, dtype, stride) = (matrix.bytes, matrix.dtype, matrix.rowBytes)
      (rows, columns) = (matrix.rows, matrix.columns)
    }

    init(_ values: UnsafePointer<Float>, stride: Int, rows: Int, columns: Int) {
      (bytes, format, dtype) = (UnsafeRawPointer(values), LK_F32, .float32)
      (self.rows, self.columns, self.stride) = (rows, columns, stride * 4)
    }
  }

  private typealias Output = (values: UnsafeMutablePointer<Float>, stride: Int)

  /// Y = alpha X W^T + beta Y for each weight. Each task owns rows of the weights, four by four,
  /// which are counted through all of them.
  private static func forward(
    _ x: UnsafePointer<Float>, _ ldx: Int, _ weights: [Weight], into outputs: [Output], _ m: Int,
    _ alpha: Float, _ beta: Float
  ) {
    let unit = 4
    let units = weights.reduce(0) { $0 + ($1.rows + unit - 1) / unit }
    let pieces = min(units, tasks(weights, m: m))
    nonisolated(unsafe) let (x, weights, outputs) = (x, weights, outputs)
    ThreadPool.shared.run(pieces) { piece in
      let part = ThreadPool.part(piece, of: pieces, count: units)
      var first = 0
      for (weight, y) in zip(weights, outputs) {
        let count = (weight.rows + unit - 1) / unit
        let own = part.clamped(to: first..<first + count)
        first += count
        guard !own.isEmpty else { continue }
        let start = (own.lowerBound - first + count) * unit
        let end = min((own.upperBound - first + count) * unit, weight.rows)
        lk_thin(
          weight.format, 1, m, end - start, weight.columns, alpha, x, ldx,
          weight.bytes + start * weight.stride, weight.stride, beta, y.values + start, y.stride)
      }
    }
  }

  /// Y = alpha X W + beta Y. Each task owns whole blocks of columns, by cache lines.
  private static func backward(
    _ x: UnsafePointer<Float>, _ ldx: Int, _ weight: Weight, into y: Output, _ m: Int,
    _ alpha: Float, _ beta: Float
  ) {
    let block = weight.dtype.blockElements
    let unit = max(block, 32)
    let units = (weight.columns + unit - 1) / unit
    let pieces = min(units, tasks([weight], m: m))
    nonisolated(unsafe) let (x, y, weight) = (x, y, weight)
    ThreadPool.shared.run(pieces) { piece in
      let part = ThreadPool.part(piece, of: pieces, count: units)
      let start = part.lowerBound * unit
      lk_thin(
        weight.format, 0, m, weight.rows, min(part.upperBound * unit, weight.columns) - start,
        alpha, x, ldx, weight.bytes + start / block * weight.dtype.blockBytes, weight.stride, beta,
        y.values + start, y.stride)
    }
  }

  /// Into how many tasks products are cut.
  private static func tasks(_ weights: [Weight], m: Int) -> Int {
    let threads = ThreadPool.shared.threads
    // Microseconds in one thread, at 25 bytes or 30 values a nanosecond; a task is worth 2 of them.
    let time = weights.reduce(0.0) { sum, weight in
      let values = Double(weight.rows * weight.columns)
      return sum
        + max(Double(weight.rows * weight.stride) / 25e3, values * Double((m + 1) / 2) / 30e3)
    }
    // Longer products get more tasks, so that a thread that was held up is helped out.
    let perThread = time > 400 ? 4 : time > 150 ? 2 : 1
    return max(1, min(Int(min(time / 2, 1e6)), perThread * threads))
  }
}
