// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

extension Kernels {
  /// Matrices of equal row counts side by side.
  package static func joinColumns(_ parts: [Tensor]) -> Tensor {
    let rows = parts.first?.rows ?? 0
    precondition(parts.allSatisfy { $0.rows == rows }, "joinColumns: \(parts.map(\.shape))")
    let width = parts.reduce(0) { $0 + $1.width }
    var result = Tensor(uninitialized: Shape(rows, width))
    result.withMutablePointer { output in
      var start = 0
      for part in parts {
        part.withPointer { input in
          for row in 0..<rows {
            (output + row * width + start).update(
              from: input + row * part.width, count: part.width)
          }
        }
        start += part.width
      }
    }
    return result
  }

  /// x^T of a matrix.
  package static func transposed(_ x: Tensor) -> Tensor {
    let (rows, width) = (x.rows, x.width)
    var result = Tensor(uninitialized: Shape(width, rows))
    result.withMutablePointer { output in
      x.withPointer { input in
        for row in 0..<rows {
          for column in 0..<width { output[column * rows + row] = input[row * width + column] }
        }
      }
    }
    return result
  }

  /// Some columns of a matrix, copied.
  package static func columns(_ x: Tensor, _ range: Range<Int>) -> Tensor {
    precondition(range.upperBound <= x.width, "columns: \(range) of \(x.shape)")
    var result = Tensor(uninitialized: Shape(x.rows, range.count))
    result.withMutablePointer { output in
      x.withPointer { input in
        for row in 0..<x.rows {
          (output + row * range.count).update(
            from: input + row * x.width + range.lowerBound, count: range.count)
        }
      }
    }
    return result
  }

  /// y[., columns] += x.
  package static func addColumns(_ x: Tensor, into y: inout Tensor, columns: Range<Int>) {
    let (rows, width) = (y.rows, y.width)
    precondition(
      x.rows == rows && x.width == columns.count && columns.upperBound <= width,
      "addColumns: \(x.shape) into columns \(columns) of \(y.shape)")
    y.withMutablePointer { y in
      x.withPointer { x in
        for row in 0..<rows {
          lk_axpy(
            columns.count, 1, x + row * columns.count, y + row * width + columns.lowerBound)
        }
      }
    }
  }
}
