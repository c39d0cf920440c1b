// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

extension Kernels {
  /// Splits the rows of `input` and `output` over the pool. Sums over rows, as the gradients of
  /// weights are, go to `sums` vectors of the input's width, added up in the order of the parts.
  private static func eachRows(
    _ x: Tensor, into y: inout Tensor, sums: Int = 0,
    _ body:
      @Sendable (
        Range<Int>, UnsafePointer<Float>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>
      ) -> Void
  ) -> [Tensor] {
    let (rows, width) = (x.rows, x.width)
    let parts = sums == 0 ? 1 : max(1, min(8, rows / max(1, rowGrain(width))))
    var partial = Tensor(repeating: 0, [parts, sums, width])
    y.withMutablePointer { y in
      x.withPointer { x in
        partial.withMutablePointer { partial in
          let (x, y, partial) = (SharedPointer(x), SharedPointer(y), SharedPointer(partial))
          if sums == 0 {
            parallelRows(rows, grain: rowGrain(width)) { range in
              let i = range.lowerBound * width
              body(range, x.raw + i, y.raw + i, partial.raw)
            }
          } else {
            parallelRows(parts, grain: 1) { chosen in
              for part in chosen {
                let range = rows * part / parts..<rows * (part + 1) / parts
                let i = range.lowerBound * width
                body(range, x.raw + i, y.raw + i, partial.raw + part * sums * width)
              }
            }
          }
        }
      }
    }
    return (0..<sums).map { sum in
      var total = Tensor(repeating: 0, [width])
      for part in 0..<parts {
        let row = part * sums + sum
        accumulate(partial.reshaped([parts * sums, width]).rows(row..<row + 1), into: &total)
      }
      return total
    }
  }

  /// RMSNorm over the last axis (Zhang and Sennrich, 2019): y = x / sqrt(mean(x^2) + epsilon) w.
  ///
  /// - Returns: y, and 1 / sqrt(mean(x^2) + epsilon) of each row for the backward pass.
  package static func rmsNorm(_ x: Tensor, weight: Tensor, epsilon: Float) -> (Tensor, Tensor) {
    precondition(weight.count == x.width, "rmsNorm: weight \(weight.shape) for \(x.shape)")
    let width = x.width
    var y = Tensor(uninitialized: x.shape)
    var inverse = Tensor(uninitialized: [x.rows])
    inverse.withMutablePointer { inverse in
      weight.withPointer { weight in
        let (inverse, weight) = (SharedPointer(inverse), SharedPointer(weight))
        _ = eachRows(x, into: &y) { range, x, y, _ in
          lk_rms_norm(
            range.count, width, x, weight.raw, epsilon, y, inverse.raw + range.lowerBound)
        }
      }
    }
    return (y, inverse)
  }

  /// The gradients of `rmsNorm` by x and, if asked for, by the weight.
  package static func rmsNormBackward(
    _ gradient: Tensor, x: Tensor, weight: Tensor, inverse: Tensor, needsWeight: Bool
  ) -> (x: Tensor, weight: Tensor?) {
    let width = x.width
    var gx = Tensor(uninitialized: x.shape)
    let sums = gradient.withPointer { g in
      weight.withPointer { weight in
        inverse.withPointer { inverse in
          let (g, weight, inverse) = (
            SharedPointer(g), SharedPointer(weight), SharedPointer(inverse)
          )
          return eachRows(x, into: &gx, sums: needsWeight ? 1 : 0) { range, x, gx, sums in
            lk_rms_norm_backward(
              range.count, width, x, weight.raw, inverse.raw + range.lowerBound,
              g.raw + range.lowerBound * width, gx, needsWeight ? sums : nil)
          }
        }
      }
    }
    return (gx, sums.first)
  }

  /// LayerNorm over the last axis (Ba, Kiros and Hinton, 2016).
  ///
  /// - Returns: y, and the mean and 1 / sqrt(variance + epsilon) of each row.
  package static func layerNorm(
    _ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Float
  ) -> (y: Tensor, mean: Tensor, inverse: Tensor) {
    precondition(
      weight.count == x.width && bias.count == x.width, "layerNorm: \(weight.shape) for \(x.shape)")
    let width = x.width
    var y = Tensor(uninitialized: x.shape)
    var mean = Tensor(uninitialized: [x.rows])
    var inverse = Tensor(uninitialized: [x.rows])
    mean.withMutablePointer { mean in
      inverse.withMutablePointer { inverse in
        weight.withPointer { weight in
          bias.withPointer { bias in
            let (mean, inverse) = (SharedPointer(mean), SharedPointer(inverse))
            let (weight, bias) = (SharedPointer(weight), SharedPointer(bias))
            _ = eachRows(x, into: &y) { range, x, y, _ in
              lk_layer_norm(
                range.count, width, x, weight.raw, bias.raw, epsilon, y,
                mean.raw + range.lowerBound, inverse.raw + range.lowerBound)
            }
          }
        }
      }
    }
    return (y, mean, inverse)
  }

  /// The gradients of `layerNorm` by x and, if asked for, by weight and bias.
  package static func layerNormBackward(
    _ gradient: Tensor, x: Tensor, weight: Tensor, mean: Tensor, inverse: Tensor, needsWeight: Bool
  ) -> (x: Tensor, weight: Tensor?, bias: Tensor?) {
    let width = x.width
    var gx = Tensor(uninitialized: x.shape)
    let sums = gradient.withPointer { g in
      weight.withPointer { weight in
        mean.withPointer { mean in
          inverse.withPointer { inverse in
            let (g, weight) = (SharedPointer(g), SharedPointer(weight))
            let (mean, inverse) = (SharedPointer(mean), SharedPointer(inverse))
            return eachRows(x, into: &gx, sums: needsWeight ? 2 : 0) { range, x, gx, sums in
              lk_layer_norm_backward(
                range.count, width, x, weight.raw, mean.raw + range.lowerBound,
                inverse.raw + range.lowerBound, g.raw + range.lowerBound * width, gx,
                needsWeight ? sums : nil, needsWeight ? sums + width : nil)
            }
          }
        }
      }
    }
    return (gx, sums.first, sums.last)
  }

  /// y = x + s f with one factor a column, as LayerScale has it (Touvron et al., 2021).
  package static func scaledAdd(_ x: Tensor, scale: Tensor, _ f: Tensor) -> Tensor {
    precondition(
      x.shape == f.shape && scale.count == x.width, "scaledAdd: \(x.shape), \(f.shape)")
    let width = x.width
    var y = Tensor(uninitialized: x.shape)
    scale.withPointer { scale in
      f.withPointer { f in
        let (scale, f) = (SharedPointer(scale), SharedPointer(f))
        _ = eachRows(x, into: &y) { range, x, y, _ in
          lk_scaled_add(range.count, width, x, scale.raw, f.raw + range.lowerBound * width, y)
        }
      }
    }
    return y
  }

  /// The gradients of `scaledAdd` by f and by the scale.
  package static func scaledAddBackward(
    _ gradient: Tensor, scale: Tensor, _ f: Tensor
  ) -> (f: Tensor, scale: Tensor) {
    let width = f.width
    var gf = Tensor(uninitialized: f.shape)
    let sums = gradient.withPointer { g in
      scale.withPointer { scale in
        let (g, scale) = (SharedPointer(g), SharedPointer(scale))
        return eachRows(f, into: &gf, sums: 1) { range, f, gf, sums in
          lk_scaled_add_backward(
            range.count, width, g.raw + range.lowerBound * width, scale.raw, f, gf, sums)
        }
      }
    }
    return (gf, sums[0])
  }

  /// x diag(scale): one factor a column.
  package static func scaleColumns(_ x: Tensor, by scale: Tensor) -> Tensor {
    precondition(scale.count == x.width, "scaleColumns: \(scale.shape) for \(x.shape)")
    var y = Tensor(uninitialized: x.shape)
    let width = x.width
    scale.withPointer { scale in
      let scale = SharedPointer(scale)
      _ = eachRows(x, into: &y) { range, x, y, _ in
        for row in 0..<range.count {
          lk_multiply(width, x + row * width, scale.raw, y + row * width)
        }
      }
    }
    return y
  }
}
