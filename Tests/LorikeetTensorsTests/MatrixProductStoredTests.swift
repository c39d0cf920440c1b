// SPDX-License-Identifier: Apache-2.0

import LorikeetTensors
import Testing

/// Products with stored weights, and their conversion, against `Conversion`.
@Suite struct MatrixProductStoredTests {
  static let formats: [DType] = [.bfloat16, .float16, .q8_0, .q4_0, .q4_1]

  /// Bytes of finite numbers of moderate size.
  private func bytes(_ dtype: DType, _ count: Int, _ generator: inout SplitMix) -> [UInt8] {
    var bytes = [UInt8]()
    for _ in 0..<count / dtype.blockElements {
      var block = (0..<dtype.blockBytes).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      // Exponents near 0: bfloat16's high byte 0x3F or 0xBF; float16's 0x2C ..< 0x30, and negative.
      if dtype == .bfloat16 {
        block[1] = block[1] & 0x80 | 0x3F
      } else {
        block[1] = block[1] & 0x83 | 0x2C
        if dtype == .q4_1 { block[3] = block[3] & 0x83 | 0x2C }
      }
      bytes += block
    }
    return bytes
  }

  private func converted(_ bytes: [UInt8], _ dtype: DType, _ count: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { output, initialized in
      bytes.withUnsafeBytes {
        Conversion.toFloat32($0, dtype, into: output.baseAddress!, count: count)
      }
      initialized = count
    }
  }

  @Test(arguments: formats, ["avx512", "avx2", "neon", "portable"])
  func conversionAgreesBitForBit(dtype: DType, name: String) {
    guard let kernels = MatrixKernels(name) else { return }
    var generator = SplitMix(seed: 3)
    for count in [32, 64, 96, 1024] + (dtype.blockElements == 1 ? [1, 3, 15, 17, 47] : []) {
      let stored = bytes(dtype, count, &generator)
      let expected = converted(stored, dtype, count)
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
      (1, 40, 64), (1, 700, 96), (3, 100, 4128), (40, 333, 416), (70, 200, 800), (2, 1, 32),
    ] {
      let count = rows * columns
      let stored: [UInt8]
      switch dtype {
      case .float32:
        stored = (0..<count).flatMap { _ in
          withUnsafeBytes(of: generator.unit() - 0.5) { Array($0) }
        }
      case .float64:
        stored = (0..<count).flatMap { _ in
          withUnsafeBytes(of: Double(generator.unit()) - 0.5) { Array($0) }
        }
      default: stored = bytes(dtype, count, &generator)
      }
      let weights = converted(stored, dtype, count)
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
