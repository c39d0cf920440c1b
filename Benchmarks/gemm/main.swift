// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTensors

// Times matrix products through the pool: gemmbench, with LORIKEET_THREADS, LORIKEET_GEMM and
// LORIKEET_ISA in the environment; --float leaves out stored weights.
let clock = ContinuousClock()
/// The least time of many, in microseconds.
func best(_ seconds: Double = 0.1, _ body: () -> Void) -> Double {
  var least = Duration.seconds(1000)
  let end = clock.now + .seconds(seconds)
  repeat { least = min(least, clock.measure(body)) } while clock.now < end
  return least / .microseconds(1)
}
let pool = ThreadPool.shared
print(
  "\(MatrixProductEngine.chosen) \(MatrixProductEngine.instructionSet), threads: \(pool.threads)")
print("empty loop: \(best { for _ in 0..<100 { pool.run(pool.threads) { _ in } } } / 100) us")
let shapes: [(transA: Bool, transB: Bool, m: Int, n: Int, k: Int)] = [
  (false, true, 32, 576, 576), (false, true, 64, 576, 576), (false, true, 256, 576, 576),
  (false, true, 64, 192, 576), (false, true, 256, 1536, 576), (false, true, 256, 576, 1536),
  (false, true, 2048, 1536, 384), (false, true, 256, 2048, 2048), (false, true, 64, 4864, 2048),
  (false, true, 64, 49152, 576), (false, false, 64, 576, 576), (false, false, 256, 576, 1536),
  (false, false, 256, 1536, 576), (false, false, 64, 576, 49152), (false, false, 2048, 384, 1536),
  (false, true, 512, 8, 576), (false, true, 512, 576, 8), (false, false, 512, 8, 576),
  (false, false, 512, 576, 8), (true, false, 8, 576, 512), (true, false, 576, 8, 512),
  (true, false, 576, 576, 1024), (false, true, 1, 1536, 576), (false, true, 1, 49152, 576),
]
for (transA, transB, m, n, k) in shapes {
  var (a, b) = ([Float](), [Float]())
  for i in 0..<m * k { a.append(Float(i % 17) - 8) }
  for i in 0..<n * k { b.append(Float(i % 19) - 9) }
  var c = [Float](repeating: 0, count: m * n)
  let time = best {
    matrixProduct(
      &a, lda: transA ? m : k, transposed: transA, &b, ldb: transB ? k : n, transposed: transB,
      into: &c, ldc: n, m: m, n: n, k: k)
  }
  let rate = 2 * Double(m) * Double(n) * Double(k) / time / 1e3
  print(
    "\(transA ? "T" : "N")\(transB ? "T" : "N") \(m) x \(n) x \(k): "
      + String(format: "%.1f us, %.1f GFLOP/s", time, rate))
}
for dtype in CommandLine.arguments.contains("--float")
  ? [] : [DType.float32, .bfloat16, .q8_0, .q4_0, .q4_1]
{
  for (m, rows, columns) in [(1, 1536, 576), (1, 49152, 576), (64, 1536, 576), (512, 1536, 576)] {
    let bytes = [UInt8](repeating: 0x21, count: dtype.byteCount(elements: rows * columns) ?? 0)
    let x = [Float](repeating: 1, count: m * rows)
    var y = [Float](repeating: 0, count: m * rows)
    var times = [Double]()
    for transposed in [true, false] {
      times.append(
        best {
          bytes.withUnsafeBytes {
            matrixProduct(
              x, ldx: transposed ? columns : rows,
              stored: StoredMatrix($0.baseAddress!, dtype, rows: rows, columns: columns),
              transposed: transposed, into: &y, ldy: transposed ? rows : columns, m: m)
          }
        })
    }
    print(
      "\(dtype.rawValue) \(m) x \(rows) x \(columns): "
        + String(format: "forward %.1f us, backward %.1f us", times[0], times[1]))
  }
}
