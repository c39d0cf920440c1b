// SPDX-License-Identifier: Apache-2.0

import LorikeetTensors
import Testing

/// Products with stored weights, and their conversion, against `Conversion`.
@Suite struct MatrixProductStoredTests {
  static let formats: [DType] = [.bfloat16, .float16, .q8_0, .q4_0, .q4_1, .nf4]

  @Test(arguments: formats, ["avx512", "avx2", "neon", "portable"])
  func conversionAgreesBitForBit(dtype: DType, name: String) {
    guard let kernels = MatrixKernels(name) else { return }
    var generator = SplitMix(seed: 3)
    for count in [64, 128, 1024] + (dtype.blockElements == 1 ? [1, 3, 15, 17, 47] : []) {
      let stored = StoredBytes.random(dtype, count, &generator)
      let expected = StoredBytes.converted(stored, dtype, count)
      for shift in [0, 1] {
        // Any alignment, and not one element too many.
        let moved = Array(repeating: 0, count: shift) + stored
        var found = [Float](repeating: -77, count: count + 1)
        moved.withUnsafeBytes {
          kernels.dequantize(dtype, $0.baseAddress! + shift, into: &found, count: count)
        }
        #expect(found[count] == -77)
        #expect(found.dropLast().map(\.bitPattern) == expected.map(\.bitPattern))
      }
    }
  }

  @Test(arguments: ["avx512", "avx2", "neon", "portable"])
  func everyHalfConvertsExactly(name: String) {
    guard let kernels = MatrixKernels(name) else { return }
    let halves = (0...UInt16.max).map { $0.littleEndian }
    var found = [Float](repeating: 0, count: halves.count)
    halves.withUnsafeBytes {
      kernels.dequantize(.float16, $0.baseAddress!, into: &found, count: halves.count)
    }
    for (half, value) in zip(halves, found) {
      let expected = Conversion.float(half: half)
      if expected.isNaN ? !value.isNaN : value.bitPattern != expected.bitPattern {
        Issue.record("\(name): \(half) gives \(value), expected \(expected)")
      }
    }
  }

  @Test(arguments: formats + [.float32, .float64], [true, false])
  func productsAgreeWithConvertedWeights(dtype: DType, transposed: Bool) {
    var generator = SplitMix(seed: 4)
    for (m, rows, columns) in [
      (1, 40, 64), (1, 700, 96), (3, 100, 4128), (9, 100, 4160), (40, 333, 416), (70, 200, 832),
      (2, 1, 32),
    ] where columns.isMultiple(of: dtype.blockElements) {
      let count = rows * columns
      let stored = StoredBytes.random(dtype, count, &generator)
      let weights = StoredBytes.converted(stored, dtype, count)
      let (n, k) = transposed ? (rows, columns) : (columns, rows)
      let x = (0..<m * k).map { _ in generator.unit() - 0.5 }
      for beta in [Float(0), 0.5] {
        let before = (0..<m * n).map { _ in beta == 0 ? Float.nan : generator.unit() }
        var found = before
        stored.withUnsafeBytes {
          matrixProduct(
            x, ldx: k,
            stored: StoredMatrix($0.baseAddress!, dtype, rows: rows, columns: columns),
            transposed: transposed, into: &found, ldy: n, m: m, alpha: 2, beta: beta)
        }
        var worst = 0.0
        for i in 0..<m {
          for j in 0..<n {
            var (sum, size) = (0.0, 0.0)
            for p in 0..<k {
              let weight = weights[transposed ? j * columns + p : p * columns + j]
              let term = Double(x[i * k + p]) * Double(weight)
              sum += term
              size += abs(term)
            }
            let old = beta == 0 ? 0 : Double(beta * before[i * n + j])
            let error = abs(Double(found[i * n + j]) - (2 * sum + old))
            let relative = error / (2 * size + abs(old) + 1e-30)
            worst = relative.isNaN ? .infinity : max(worst, relative)
          }
        }
        #expect(worst < Double(k + 8) * 0x1p-24, "\(m) x \(rows) x \(columns), beta \(beta)")
      }
    }
  }
}
