// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

extension Kernels {
  /// The index of the first of the largest values. Traps on no values.
  package static func indexOfLargest(_ x: Tensor) -> Int {
    precondition(x.count > 0, "indexOfLargest: no values")
    return x.withPointer { values in
      // Blocks whose largest value comes from a vector kernel; only the best one is looked through.
      let block = 1024
      var (largest, first) = (values[0], 0)
      for start in stride(from: 0, to: x.count, by: block) {
        let value = lk_max(min(block, x.count - start), values + start)
        if value > largest { (largest, first) = (value, start) }
      }
      for i in first..<min(first + block, x.count) where values[i] == largest { return i }
      // Values that are not numbers hide others from the kernel.
      var best = 0
      for i in 1..<x.count where values[i] > values[best] { best = i }
      return best
    }
  }
}
