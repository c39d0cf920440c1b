// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

extension Kernels {
  /// x with each value either dropped or divided by 1 - p, as the mask's key draws it (Srivastava et
  /// al., "Dropout", 2014).
  package static func dropout(_ x: Tensor, _ mask: DropoutMask) -> Tensor {
    var result = Tensor(uninitialized: x.shape)
    let (count, width) = (x.rows, x.width)
    result.withMutablePointer { y in
      x.withPointer { x in
        let (x, y) = (SharedPointer(x), SharedPointer(y))
        parallelRows(width > 0 ? count : 0, grain: rowGrain(width)) { rows in
          let first = rows.lowerBound * width
          lk_dropout(
            rows.count * width, first, mask.key, mask.probability, x.raw + first, y.raw + first)
        }
      }
    }
    return result
  }
}
