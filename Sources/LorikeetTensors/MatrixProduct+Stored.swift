// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

/// A weight matrix as it lies in a file: rows of whole blocks, without gaps.
package struct StoredMatrix {
  package let bytes: UnsafeRawPointer
  package let dtype: DType
  package let rows: Int
  package let columns: Int

  /// Traps unless rows consist of whole blocks.
  package init(_ bytes: UnsafeRawPointer, _ dtype: DType, rows: Int, columns: Int) {
    precondition(
      rows >= 0 && dtype.byteCount(elements: columns) != nil,
      "StoredMatrix: \(rows) x \(columns) of \(dtype.rawValue)")
    self.bytes = bytes
    self.dtype = dtype
    self.rows = rows
    self.columns = columns
  }

  /// The number of bytes of a row.
  var rowBytes: Int { columns / dtype.blockElements * dtype.blockBytes }

  /// Converts a part of some rows to float32; `columns` starts and ends at blocks.
  package func dequantize(
    rows: Range<Int>, columns: Range<Int>, into output: UnsafeMutablePointer<Float>, stride: Int
  ) {
    let blocks = self.columns / dtype.blockElements
    for (index, row) in rows.enumerated() {
      let from =
        bytes + (row * blocks + columns.lowerBound / dtype.blockElements) * dtype.blockBytes
      let to = output + index * stride
      if let format = dtype.kernelFormat {
        lk_dequantize(format, from, to, columns.count)
      } else {
        let count = columns.count / dtype.blockElements * dtype.blockBytes
        Conversion.toFloat32(
          UnsafeRawBufferPointer(start: from, count: count), dtype, into: to, count: columns.count)
      }
    }
  }
}

/// Y = alpha X W^T + beta Y, or alpha X W + beta Y, for a stored W, split over the thread pool.
///
/// W is converted piece by piece, and never stands in memory as float32 whole. With
/// `transposed` X is `[m, W.columns]` and Y `[m, W.rows]` (a layer's forward pass), without it X is
/// `[m, W.rows]` and Y `[m, W.columns]` (the gradient of its input). Y is not read when `beta` is 0,
/// nor with a `bias`, which is added to each row in its place.
package func matrixProduct(
  _ x: UnsafePointer<Float>, ldx: Int, stored w: StoredMatrix, transposed: Bool,
  into y: UnsafeMutablePointer<Float>, ldy: Int, m: Int, alpha: Float = 1, beta: Float = 0,
  bias: UnsafePointer<Float>? = nil
) {
  let (n, k) = transposed ? (w.rows, w.columns) : (w.columns, w.rows)
  if w.dtype == .float32, UInt(bitPattern: w.bytes).isMultiple(of: 4) {
    return matrixProduct(
      x, lda: ldx, transposed: false, w.bytes.assumingMemoryBound(to: Float.self), ldb: w.columns,
      transposed: transposed, into: y, ldc: ldy, m: m, n: n, k: k, alpha: alpha, beta: beta,
      bias: bias)
  }
  guard m > 0, n > 0, k > 0 else {
    return matrixProduct(
      x, lda: ldx, transposed: false, x, ldb: max(n, k), transposed: transposed, into: y, ldc: ldy,
      m: m, n: n, k: 0, alpha: alpha, beta: beta, bias: bias)
  }
  WorkCounter.addProduct(m: m, n: n, k: k)
  let beta = bias == nil ? beta : 1
  if ThinProduct.isFastest(for: [w], rows: m, transposed: transposed) {
    setRows(of: y, ldy, 0..<m, columns: 0..<n, to: bias)
    return ThinProduct.run(
      x, ldx: ldx, stored: w, transposed: transposed, into: y, ldy: ldy, m: m, alpha: alpha,
      beta: beta)
  }
  let pool = ThreadPool.shared
  // Each task owns columns of Y, whole blocks of them.
  let unit = max(32, w.dtype.blockElements)
  let units = (n + unit - 1) / unit
  let small = Double(m) * Double(n) * Double(k) < 200e3
  let pieces = small ? 1 : min(units, pool.threads)
  nonisolated(unsafe) let (x, y, w, bias) = (x, y, w, bias)
  pool.run(pieces) { piece in
    let part = ThreadPool.part(piece, of: pieces, count: units)
    let own = part.lowerBound * unit..<min(part.upperBound * unit, n)
    setRows(of: y, ldy, 0..<m, columns: own, to: bias)
    if transposed {
      forward(x, ldx, w, rows: own, y, ldy, m, alpha, beta)
    } else {
      backward(x, ldx, w, columns: own, y, ldy, m, alpha, beta)
    }
  }
}

/// Y[:, rows] = alpha X W[rows, :]^T + beta Y[:, rows], by some rows of W at a time.
private func forward(
  _ x: UnsafePointer<Float>, _ ldx: Int, _ w: StoredMatrix, rows: Range<Int>,
  _ y: UnsafeMutablePointer<Float>, _ ldy: Int, _ m: Int, _ alpha: Float, _ beta: Float
) {
  let scratch = lk_thread_scratch()!
  let slice = min(w.columns, 4096)
  let stride = slice + 16  // not a power of two, for the sake of the caches
  // A few rows of X should find the piece in the first-level cache, many in the second.
  let room = m <= 4 ? 8192 : Int(LK_SCRATCH_FLOATS)
  let height = max(room / stride, 8)
  for row in Swift.stride(from: rows.lowerBound, to: rows.upperBound, by: height) {
    let piece = row..<min(row + height, rows.upperBound)
    for column in Swift.stride(from: 0, to: w.columns, by: slice) {
      let columns = column..<min(column + slice, w.columns)
      w.dequantize(rows: piece, columns: columns, into: scratch, stride: stride)
      serialMatrixProduct(
        x + column, lda: ldx, transposed: false, scratch, ldb: stride, transposed: true,
        into: y + row, ldc: ldy, m: m, n: piece.count, k: columns.count, alpha: alpha,
        beta: column == 0 ? beta : 1)
    }
  }
}

/// Y[:, columns] = alpha X W[:, columns] + beta Y[:, columns], by some rows of W at a time.
private func backward(
  _ x: UnsafePointer<Float>, _ ldx: Int, _ w: StoredMatrix, columns: Range<Int>,
  _ y: UnsafeMutablePointer<Float>, _ ldy: Int, _ m: Int, _ alpha: Float, _ beta: Float
) {
  let scratch = lk_thread_scratch()!
  // Whole blocks wide.
  let (width, height) = (w.dtype.blockElements > 32 ? 320 : 352, 176)
  let stride = width + 16
  for column in Swift.stride(from: columns.lowerBound, to: columns.upperBound, by: width) {
    let slice = column..<min(column + width, columns.upperBound)
    for row in Swift.stride(from: 0, to: w.rows, by: height) {
      let piece = row..<min(row + height, w.rows)
      w.dequantize(rows: piece, columns: slice, into: scratch, stride: stride)
      serialMatrixProduct(
        x + row, lda: ldx, transposed: false, scratch, ldb: stride, transposed: false,
        into: y + column, ldc: ldy, m: m, n: slice.count, k: piece.count, alpha: alpha,
        beta: row == 0 ? beta : 1)
    }
  }
}
