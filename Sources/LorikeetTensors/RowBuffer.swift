// SPDX-License-Identifier: Apache-2.0

/// Rows that are written one after the other and read many times, as float32 or float16.
package struct RowBuffer: Sendable {
  package let dtype: DType
  package let rows: Int
  package let width: Int
  // One of the two holds the values.
  private var full: Tensor
  private var half: Storage

  /// Rows of zeros. Traps on types other than float32 and float16.
  package init(rows: Int, width: Int, dtype: DType = .float32) {
    precondition(dtype == .float32 || dtype == .float16, "RowBuffer: \(dtype.rawValue)")
    self.dtype = dtype
    self.rows = rows
    self.width = width
    full = Tensor(repeating: 0, dtype == .float32 ? [rows, width] : [0, width])
    half = Storage(byteCount: dtype == .float16 ? rows * width * 2 : 0)
    half.base.initializeMemory(as: UInt8.self, repeating: 0, count: half.byteCount)
  }

  /// Puts rows in their place. Traps beyond the last row.
  package mutating func write(_ x: Tensor, at row: Int) {
    precondition(
      x.width == width && row >= 0 && row + x.rows <= rows,
      "RowBuffer: \(x.shape) to row \(row) of \(rows) x \(width)")
    guard dtype == .float16 else { return Kernels.copyRows(x, into: &full, at: row) }
    if !isKnownUniquelyReferenced(&half) {
      let shared = half
      half = shared.withBytes { Storage(copying: $0) }
    }
    nonisolated(unsafe) let output = half.base + row * width * 2
    let width = width
    parallelRows(x.rows, grain: Kernels.rowGrain(width)) { range in
      x.rows(range).withPointer {
        Quantisation.convert(
          $0, count: range.count * width, to: .float16,
          into: output + range.lowerBound * width * 2)
      }
    }
  }

  /// Copies the first rows to another place.
  package mutating func copyFirst(_ count: Int, to row: Int) {
    let source = values(0..<count)
    write(dtype == .float32 ? Kernels.copy(source) : source, at: row)
  }

  /// Some rows as float32; a copy if they are stored otherwise.
  package func values(_ range: Range<Int>) -> Tensor {
    dtype == .float32
      ? full.rows(range)
      : StoredTensor(
        dtype: .float16, shape: [range.count, width], storage: half,
        bytes: range.lowerBound * width * 2..<range.upperBound * width * 2
      ).tensor()
  }

  /// Lends the bytes of all rows.
  func withBytes<Result>(_ body: (UnsafeRawPointer) -> Result) -> Result {
    dtype == .float32
      ? full.withPointer { body(UnsafeRawPointer($0)) } : body(UnsafeRawPointer(half.base))
  }
}
