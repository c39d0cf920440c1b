// SPDX-License-Identifier: Apache-2.0

import LorikeetTensors
import Testing

/// Products against a plain triple loop in double precision.
@Suite struct MatrixProductTests {
  private struct Case: CustomStringConvertible {
    var transposeA = false
    var transposeB = false
    var m: Int
    var n: Int
    var k: Int
    var gapA = 0
    var gapB = 0
    var gapC = 0
    var offset = 0
    var alpha: Float = 1
    var beta: Float = 0

    var lda: Int { (transposeA ? m : k) + gapA }
    var ldb: Int { (transposeB ? k : n) + gapB }
    var ldc: Int { n + gapC }
    var description: String {
      "\(transposeA ? "T" : "N")\(transposeB ? "T" : "N") \(m) x \(n) x \(k)"
        + " + \(gapA), \(gapB), \(gapC) at \(offset), alpha \(alpha), beta \(beta)"
    }
  }

  private typealias Product =
    @Sendable (
      _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>, Case
    ) -> Void

  private static func kernels(_ name: String) -> Product? {
    guard let kernels = MatrixKernels(name) else { return nil }
    return { a, b, c, x in
      kernels.product(
        a, lda: x.lda, transposed: x.transposeA, b, ldb: x.ldb, transposed: x.transposeB, into: c,
        ldc: x.ldc, m: x.m, n: x.n, k: x.k, alpha: x.alpha, beta: x.beta)
    }
  }

  private static let pooled: Product = { a, b, c, x in
    matrixProduct(
      a, lda: x.lda, transposed: x.transposeA, b, ldb: x.ldb, transposed: x.transposeB, into: c,
      ldc: x.ldc, m: x.m, n: x.n, k: x.k, alpha: x.alpha, beta: x.beta)
  }

  /// The first difference that is too large, or nil. What stands between the rows of C, and before
  /// and after them, must stay as it was; C is NaN beforehand if beta is 0.
  private func difference(
    _ x: Case, _ generator: inout SplitMix, _ product: Product
  ) -> String? {
    func random(_ count: Int) -> [Float] { (0..<count).map { _ in generator.unit() - 0.5 } }
    // Operands end where the last row does, not where its stride does.
    func extent(_ rows: Int, _ width: Int, _ stride: Int) -> Int {
      rows == 0 ? 0 : (rows - 1) * stride + width
    }
    let guardBand = 40
    let a = random(x.offset + extent(x.transposeA ? x.k : x.m, x.transposeA ? x.m : x.k, x.lda))
    let b = random(x.offset + extent(x.transposeB ? x.n : x.k, x.transposeB ? x.k : x.n, x.ldb))
    var before = random(x.offset + x.m * x.ldc + 2 * guardBand)
    let start = x.offset + guardBand
    if x.beta == 0 {
      for i in 0..<x.m { for j in 0..<x.n { before[start + i * x.ldc + j] = .nan } }
    }
    var after = before
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        after.withUnsafeMutableBufferPointer { c in
          // An empty array's address is nil, and is not read.
          let nowhere = UnsafePointer(c.baseAddress!)
          product(
            a.baseAddress.map { $0 + x.offset } ?? nowhere,
            b.baseAddress.map { $0 + x.offset } ?? nowhere, c.baseAddress! + start, x)
        }
      }
    }
    for i in 0..<x.m {
      for j in 0..<x.n {
        var (sum, size) = (0.0, 0.0)
        for p in 0..<x.k {
          let left = Double(a[x.offset + (x.transposeA ? p * x.lda + i : i * x.lda + p)])
          let right = Double(b[x.offset + (x.transposeB ? j * x.ldb + p : p * x.ldb + j)])
          sum += left * right
          size += abs(left * right)
        }
        let index = start + i * x.ldc + j
        let old = x.beta == 0 ? 0 : Double(x.beta) * Double(before[index])
        let expected = Double(x.alpha) * sum + old
        // Rounding of k products and sums, each 2^-24 of what is summed at most.
        let bound = (Double(x.k) + 4) * 0x1p-24 * (abs(Double(x.alpha)) * size + abs(old))
        let found = Double(after[index])
        guard abs(found - expected) <= bound else {
          return "\(x): [\(i), \(j)] is \(found), expected \(expected)"
        }
        after[index] = before[index]
      }
    }
    let same = zip(after, before).allSatisfy { $0.bitPattern == $1.bitPattern }
    return same ? nil : "\(x): wrote outside of C"
  }

  private static let sizes = [0, 1, 2, 3, 7, 8, 12, 13, 15, 16, 17, 31, 33, 47, 64, 65, 127]

  @Test(arguments: ["avx512", "avx2", "neon", "portable"])
  func kernelsAgreeWithTheTripleLoop(name: String) {
    guard let product = Self.kernels(name) else { return }
    var generator = SplitMix(seed: 7)
    for _ in 0..<1500 {
      func pick<T>(_ values: [T]) -> T { values[generator.below(values.count)] }
      let x = Case(
        transposeA: pick([false, true]), transposeB: pick([false, true]), m: pick(Self.sizes),
        n: pick(Self.sizes), k: pick(Self.sizes), gapA: pick([0, 0, 1, 5, 100]),
        gapB: pick([0, 0, 3, 16, 100]), gapC: pick([0, 0, 1, 9]), offset: pick([0, 0, 1, 3]),
        alpha: pick([1, 1, -0.5, 0]), beta: pick([0, 0, 1, 0.25]))
      if let difference = difference(x, &generator, product) {
        Issue.record("\(name): \(difference)")
        return
      }
    }
  }

  /// Several blocks along every extent, and strides that make rows compete in the cache.
  @Test(arguments: ["avx512", "avx2", "neon", "portable"])
  func kernelsAgreeAcrossBlocks(name: String) {
    guard let product = Self.kernels(name) else { return }
    var generator = SplitMix(seed: 8)
    let cases = [
      Case(m: 30, n: 800, k: 1000), Case(m: 150, n: 420, k: 50),
      Case(transposeB: true, m: 400, n: 60, k: 770), Case(transposeB: true, m: 40, n: 450, k: 770),
      Case(transposeB: true, m: 20, n: 40, k: 2048, beta: 1), Case(m: 20, n: 512, k: 40),
      Case(m: 70, n: 1024, k: 40, alpha: 0.5, beta: 1), Case(m: 300, n: 5, k: 2500, beta: 0.5),
      Case(transposeB: true, m: 300, n: 6, k: 1500), Case(transposeB: true, m: 2, n: 500, k: 1500),
      Case(m: 1, n: 700, k: 700), Case(transposeA: true, m: 2, n: 33, k: 700, beta: 1),
      Case(transposeA: true, m: 450, n: 70, k: 800), Case(transposeA: true, m: 450, n: 9, k: 800),
      Case(transposeA: true, m: 9, n: 450, k: 800, beta: 1),
      Case(transposeA: true, transposeB: true, m: 450, n: 40, k: 500),
      Case(transposeA: true, transposeB: true, m: 20, n: 450, k: 500, beta: 1),
    ]
    for x in cases {
      if let difference = difference(x, &generator, product) {
        Issue.record("\(name): \(difference)")
      }
    }
  }

  @Test func pooledProductsAgreeWithTheTripleLoop() {
    var generator = SplitMix(seed: 9)
    for transposeA in [false, true] {
      for transposeB in [false, true] {
        for (m, n, k) in [
          (0, 5, 5), (5, 0, 5), (5, 5, 0), (1, 1, 1), (150, 333, 120), (1, 3000, 300),
          (333, 20, 300), (20, 333, 300),
        ] {
          let x = Case(
            transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, gapC: 3, alpha: 2,
            beta: m == 150 ? 0.5 : 0)
          if let difference = difference(x, &generator, Self.pooled) {
            Issue.record("\(difference)")
          }
        }
      }
    }
  }

  @Test func productsRepeatBitForBit() {
    var generator = SplitMix(seed: 10)
    let (m, n, k) = (200, 500, 700)
    let a = (0..<m * k).map { _ in generator.unit() }
    let b = (0..<n * k).map { _ in generator.unit() }
    func once() -> [UInt32] {
      var c = [Float](repeating: 0, count: m * n)
      matrixProduct(
        a, lda: k, transposed: false, b, ldb: k, transposed: true, into: &c, ldc: n, m: m, n: n,
        k: k)
      return c.map(\.bitPattern)
    }
    let first = once()
    for _ in 0..<5 { #expect(once() == first) }
  }

  @Test func notANumberInAnOperandReachesTheResult() {
    for name in ["avx512", "avx2", "neon", "portable"] {
      guard let kernels = MatrixKernels(name) else { continue }
      var a = [Float](repeating: 1, count: 40 * 50)
      a[3 * 50 + 7] = .nan
      let b = [Float](repeating: 0, count: 50 * 30)
      var c = [Float](repeating: 1, count: 40 * 30)
      kernels.product(
        a, lda: 50, transposed: false, b, ldb: 30, transposed: false, into: &c, ldc: 30, m: 40,
        n: 30, k: 50, alpha: 1, beta: 0)
      for i in 0..<40 { #expect(c[i * 30..<i * 30 + 30].allSatisfy { $0.isNaN == (i == 3) }) }
    }
  }
}

/// Small random numbers for tests (S. Vigna's splitmix64).
struct SplitMix {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
  /// In 0 ..< 1.
  mutating func unit() -> Float { Float(next() >> 40) * 0x1p-24 }
  mutating func below(_ bound: Int) -> Int { Int(next() >> 33) % bound }
}
