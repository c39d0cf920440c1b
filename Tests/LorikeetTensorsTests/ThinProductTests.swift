// SPDX-License-Identifier: Apache-2.0

import LorikeetTensors
import Testing

/// Products of few rows straight from stored weights, in every variant, against sums in float64.
@Suite struct ThinProductTests {
  static let formats: [DType] = [.float32, .bfloat16, .float16, .q8_0, .q4_0, .q4_1, .nf4]

  @Test(arguments: formats, ["avx512", "avx2", "neon", "portable"])
  func productsAgreeWithConvertedWeights(dtype: DType, name: String) {
    guard let kernels = MatrixKernels(name) else { return }
    var generator = SplitMix(seed: 11)
    let columns = [0, 1, 3, 17, 31, 32, 33, 47, 64, 96, 192, 577].filter {
      $0.isMultiple(of: dtype.blockElements)
    }
    for columns in columns {
      for rows in [0, 1, 2, 3, 4, 5, 7, 9, 34] {
        for transposed in [true, false] {
          // Every way of taking 1 to 4 rows of X at a time, and several ways after each other.
          let m = [1, 2, 3, 4, 5, 9][(columns + rows) % 6]
          check(kernels, dtype, m, rows, columns, transposed, &generator)
        }
      }
    }
    for m in 0...10 { check(kernels, dtype, m, 39, 128, m % 2 == 0, &generator) }
  }

  private func check(
    _ kernels: MatrixKernels, _ dtype: DType, _ m: Int, _ rows: Int, _ columns: Int,
    _ transposed: Bool, _ generator: inout SplitMix
  ) {
    let stored = StoredBytes.random(dtype, rows * columns, &generator)
    let weights = StoredBytes.converted(stored, dtype, rows * columns)
    let (n, k) = transposed ? (rows, columns) : (columns, rows)
    // Rows of X and Y with a gap behind them, at any alignment.
    let (ldx, ldy) = (k + 3, n + 2)
    let x = (0..<m * ldx + 1).map { _ in generator.unit() - 0.5 }
    for (alpha, beta) in [(Float(1), Float(0)), (0.5, 2)] {
      let before = (0..<m * ldy + 1).map { _ in beta == 0 ? Float.nan : generator.unit() }
      var found = before
      let moved = [0] + stored
      moved.withUnsafeBytes { bytes in
        x.withUnsafeBufferPointer { x in
          found.withUnsafeMutableBufferPointer { found in
            kernels.thinProduct(
              x.baseAddress! + 1, ldx: ldx,
              stored: StoredMatrix(bytes.baseAddress! + 1, dtype, rows: rows, columns: columns),
              transposed: transposed, into: found.baseAddress! + 1, ldy: ldy, m: m, alpha: alpha,
              beta: beta)
          }
        }
      }
      var worst = 0.0
      for i in 0..<m {
        for j in 0..<ldy {
          let (old, new) = (before[1 + i * ldy + j], found[1 + i * ldy + j])
          guard j < n else {
            // The gap stays as it was.
            #expect(old.bitPattern == new.bitPattern)
            continue
          }
          var (sum, size) = (0.0, 0.0)
          for p in 0..<k {
            let weight = weights[transposed ? j * columns + p : p * columns + j]
            let term = Double(alpha) * Double(x[1 + i * ldx + p]) * Double(weight)
            sum += term
            size += abs(term)
          }
          let kept = beta == 0 ? 0 : Double(beta * old)
          let relative = abs(Double(new) - sum - kept) / (size + abs(kept) + 1e-30)
          worst = relative.isNaN ? .infinity : max(worst, relative)
        }
      }
      #expect(
        worst < Double(k + 8) * 0x1p-24,
        "\(m) x \(rows) x \(columns), transposed \(transposed), beta \(beta)")
    }
  }

  /// The parts that threads compute fit together: the same numbers as in one piece.
  @Test(arguments: formats, [true, false])
  func splittingChangesNothing(dtype: DType, transposed: Bool) {
    guard let kernels = MatrixKernels(MatrixProductEngine.instructionSet) else { return }
    var generator = SplitMix(seed: 12)
    let (rows, columns, m) = (1027, 704, 2)
    let stored = StoredBytes.random(dtype, rows * columns, &generator)
    let (n, k) = transposed ? (rows, columns) : (columns, rows)
    let x = (0..<m * k).map { _ in generator.unit() - 0.5 }
    var (whole, split) = ([Float](repeating: 0, count: m * n), [Float](repeating: 0, count: m * n))
    stored.withUnsafeBytes {
      let matrix = StoredMatrix($0.baseAddress!, dtype, rows: rows, columns: columns)
      kernels.thinProduct(
        x, ldx: k, stored: matrix, transposed: transposed, into: &whole, ldy: n, m: m, alpha: 1,
        beta: 0)
      matrixProduct(
        x, ldx: k, stored: matrix, transposed: transposed, into: &split, ldy: n, m: m)
    }
    let largest = whole.reduce(Float(0)) { max($0, abs($1)) }
    let worst = zip(whole, split).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
    #expect(worst <= largest * 1e-5)
  }

  /// Several weights at once, of different heights, by rows few and many.
  @Test(arguments: formats, [1, 3, 40]) func weightsTogetherGiveWhatEachGives(dtype: DType, m: Int)
  {
    var generator = SplitMix(seed: 23)
    let columns = 192
    let x = Tensor((0..<m * columns).map { _ in generator.unit() - 0.5 }, [m, columns])
    let weights = [130, 0, 1, 64, 577].map { rows in
      let bytes = StoredBytes.random(dtype, rows * columns, &generator)
      return WeightMatrix(
        StoredTensor(
          dtype: dtype, shape: [rows, columns],
          storage: bytes.withUnsafeBytes { Storage(copying: $0) }, bytes: 0..<bytes.count))
    }
    let together = WeightMatrix.multiply(x, by: weights.map { ($0, nil) })
    #expect(together.map(\.shape) == weights.map { [m, $0.outputs] })
    for (found, weight) in zip(together, weights) {
      #expect(found.values == weight.multiply(x).values)
    }
  }
}

/// Weights of every stored type, for tests.
enum StoredBytes {
  /// Bytes of finite numbers of moderate size.
  static func random(_ dtype: DType, _ count: Int, _ generator: inout SplitMix) -> [UInt8] {
    func bytes<T>(_ value: T) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
    var result = [UInt8]()
    for _ in 0..<count / dtype.blockElements {
      var block = (0..<dtype.blockBytes).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      // Exponents near 0: bfloat16's high byte 0x3F or 0xBF; float16's 0x2C ..< 0x30, and negative.
      switch dtype {
      case .float32: block = bytes(generator.unit() - 0.5)
      case .float64: block = bytes(Double(generator.unit()) - 0.5)
      case .bfloat16: block[1] = block[1] & 0x80 | 0x3F
      case .nf4: block.replaceSubrange(0..<4, with: bytes(generator.unit() + 0.1))
      case .q4_1:
        block[1] = block[1] & 0x83 | 0x2C
        block[3] = block[3] & 0x83 | 0x2C
      default: block[1] = block[1] & 0x83 | 0x2C
      }
      result += block
    }
    return result
  }

  static func converted(_ bytes: [UInt8], _ dtype: DType, _ count: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { output, initialized in
      guard count > 0 else { return }
      bytes.withUnsafeBytes {
        Conversion.toFloat32($0, dtype, into: output.baseAddress!, count: count)
      }
      initialized = count
    }
  }
}
