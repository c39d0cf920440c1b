// SPDX-License-Identifier: Apache-2.0

internal import COpenBLAS
internal import Foundation
package import LorikeetTensors

/// Times matrix products of training and decoding against OpenBLAS, both on all threads, by turns.
package struct GemmBenchmark {
  /// A product of `[m, k]` and `[k, n]`, as it comes up.
  package struct Product: Sendable, Equatable {
    package enum Kind: String, Sendable {
      /// x W^T of a layer's weight `[n, k]`: the forward pass.
      case forward = "NT"
      /// g W of a layer's weight `[k, n]`: the gradient of its input.
      case backward = "NN"
      /// a^T b of `[k, m]` and `[k, n]`: the gradient of a weight.
      case weight = "TN"
    }
    package var kind: Kind
    package var m: Int
    package var n: Int
    package var k: Int
    /// The type in which a layer's weight is stored.
    package var dtype = DType.float32

    package init(_ kind: Kind, _ m: Int, _ n: Int, _ k: Int, _ dtype: DType = .float32) {
      self.kind = kind
      self.m = m
      self.n = n
      self.k = k
      self.dtype = dtype
    }

    /// Throws an error that says why if the product cannot be measured.
    package func check() throws {
      let name = "\(kind.rawValue) \(m) x \(n) x \(k)"
      guard m > 0, n > 0, k > 0, max(m, n, k) <= 1 << 24, m * max(n, k) <= 1 << 31,
        n * k <= 1 << 31
      else { throw BenchmarkError(name, "is no product that can be measured") }
      guard dtype == .float32 || kind != .weight,
        dtype.byteCount(elements: kind == .backward ? n : k) != nil
      else { throw BenchmarkError(name, "\(dtype.rawValue) is no type for such rows") }
      // The factors, the weight in its type, and both products.
      let bytes = 4 * (m * k + 2 * n * k + 2 * m * n)
      if let available = Memory.available, bytes > available {
        throw BenchmarkError(
          name,
          "needs about \(Memory.gibibytes(bytes)), and \(Memory.gibibytes(available)) are available"
        )
      }
    }

    var operations: Double { 2 * Double(m) * Double(n) * Double(k) }
    /// The bytes of the weight, or of both factors where neither is one.
    var bytes: Double {
      let weight = Double(dtype.byteCount(elements: n * k) ?? 0)
      return kind == .weight ? 4 * Double((m + n) * k) : weight
    }
  }

  /// Types that weights are stored in.
  package static let dtypes: [DType] = [
    .float32, .bfloat16, .float16, .q8_0, .q4_0, .q4_1, .nf4,
  ]

  /// The shapes of a decoder and an encoder of these widths: training batches of 1 and 8 samples,
  /// rank 8, and one row; then stored types.
  package static let standard: [Product] = {
    var products: [Product] = []
    for rows in [2048, 288] {
      for (n, k) in [(576, 576), (1536, 576), (576, 1536), (192, 576)] {
        products.append(Product(.forward, rows, n, k))
        products.append(Product(.backward, rows, k, n))
      }
      products += [
        Product(.forward, rows, 8, 576), Product(.forward, rows, 576, 8),
        Product(.backward, rows, 8, 576), Product(.backward, rows, 576, 8),
        Product(.weight, 8, 576, rows), Product(.weight, 576, 8, rows),
      ]
    }
    products += [
      Product(.forward, 256, 49152, 576), Product(.backward, 256, 576, 49152),
      Product(.forward, 2056, 384, 384), Product(.forward, 2056, 1536, 384),
      Product(.forward, 257, 384, 384), Product(.forward, 257, 1536, 384),
      Product(.forward, 257, 384, 1536), Product(.forward, 2048, 2048, 2048),
    ]
    for dtype in dtypes {
      for rows in dtype == .float32 ? [1] : [1, 288, 2048] {
        products += [
          Product(.forward, rows, 576, 576, dtype), Product(.forward, rows, 1536, 576, dtype),
        ]
      }
      products.append(Product(.forward, 1, 49152, 576, dtype))
    }
    return products
  }()

  private let repetitions: Repetitions
  /// The least time of one sample, in seconds.
  private let least: Double

  package init(_ repetitions: Repetitions, leastSample: Double = 0.02) {
    self.repetitions = repetitions
    least = leastSample
  }

  /// Times one product; the numbers are the time and rate of OpenBLAS on float32 and how many times
  /// as fast ours is. Traps on a product that `check` refuses.
  package func run(_ product: Product) -> MeasuredWork {
    let (m, n, k) = (product.m, product.n, product.k)
    let threads = ThreadPool.shared.threads
    let a = Self.values(product.kind == .weight ? [k, m] : [m, k], seed: 1)
    let b = Self.values(product.kind == .forward ? [n, k] : [k, n], seed: 2)
    var c = Tensor(repeating: 0, [m, n])
    var reference = c
    let weight = product.kind == .weight ? nil : Self.matrix(b, product.dtype)
    func ours() {
      switch product.kind {
      case .forward: if let weight { c = weight.multiply(a) }
      case .backward: if let weight { c = weight.multiplyTransposed(a) }
      case .weight: Kernels.product(a, b, transposeA: true, into: &c)
      }
    }
    func theirs() {
      openblas_set_num_threads(Int32(threads))
      reference.withMutablePointer { c in
        a.withPointer { a in
          b.withPointer { b in
            cblas_sgemm(
              CblasRowMajor, product.kind == .weight ? CblasTrans : CblasNoTrans,
              product.kind == .forward ? CblasTrans : CblasNoTrans, blasint(m), blasint(n),
              blasint(k), 1, a, blasint(product.kind == .weight ? m : k), b,
              blasint(product.kind == .forward ? k : n), 0, c, blasint(n))
          }
        }
      }
      openblas_set_num_threads(1)
    }
    let (ownCount, otherCount) = (count(ours), count(theirs))
    var (own, other): ([Double], [Double]) = ([], [])
    let load = ProcessorLoad()
    for round in 0..<repetitions.warmUp + repetitions.count {
      // Threads of OpenBLAS wait busily for a while after their work.
      if threads > 1 { Thread.sleep(forTimeInterval: 0.3) }
      let first = Self.seconds(ownCount, ours)
      let second = Self.seconds(otherCount, theirs)
      guard round >= repetitions.warmUp else { continue }
      own.append(first)
      other.append(second)
    }
    let timing = Timing(samples: own, otherProcessors: load.others())
    let blas = Timing(samples: other).median
    let ratios = Timing(samples: zip(own, other).map { $1 / $0 })
    return MeasuredWork(
      work: "gemm",
      name: "\(product.kind.rawValue) \(m) x \(n) x \(k) \(product.dtype.rawValue)",
      settings: [
        "kind": .string(product.kind.rawValue), "m": .int(m), "n": .int(n), "k": .int(k),
        "dtype": .string(product.dtype.rawValue),
      ], timing: timing, operations: product.operations, bytes: m <= 4 ? product.bytes : nil,
      numbers: [
        ("openblas_seconds", blas), ("openblas_gflops", product.operations / blas / 1e9),
        ("ratio", ratios.median), ("ratio_min", ratios.least), ("ratio_max", ratios.most),
      ])
  }

  /// The time of a call among `count`, after as many that find threads asleep and processors idle.
  private static func seconds(_ count: Int, _ body: () -> Void) -> Double {
    for _ in 0..<count { body() }
    return Repetitions.seconds { for _ in 0..<count { body() } } / Double(count)
  }

  /// How many calls one sample takes.
  private func count(_ body: () -> Void) -> Int {
    body()
    return Int(min(max(least / max(Repetitions.seconds(body), 1e-7), 1), 1e6))
  }

  private static func values(_ shape: Shape, seed: UInt64) -> Tensor {
    var random = RandomStream(seed: seed)
    let block = (0..<4099).map { _ in random.normal() }
    return Tensor((0..<shape.count).map { block[$0 % block.count] }, shape)
  }

  /// A weight of this type; other types than float32 hold any numbers of their own.
  private static func matrix(_ values: Tensor, _ dtype: DType) -> WeightMatrix {
    guard dtype != .float32 else { return WeightMatrix(values) }
    // Every scale is a number near 1, every value something small.
    let bytes = [UInt8](repeating: 0x3C, count: dtype.byteCount(elements: values.count) ?? 0)
    let storage = bytes.withUnsafeBytes { Storage(copying: $0) }
    return WeightMatrix(
      StoredTensor(dtype: dtype, shape: values.shape, storage: storage, bytes: 0..<bytes.count))
  }
}
