// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

extension Tape {
  /// a + b, element by element.
  public func add(_ a: Variable, _ b: Variable) -> Variable {
    output(Kernels.add(a.value, b.value), from: [a, b]) { g in
      a.accumulate(g)
      b.accumulate(g)
    }
  }

  /// a + b, element by element. The memory of b is used again for the result: b must not be read after
  /// this.
  public func add(_ a: Variable, using b: Variable) -> Variable {
    func value() -> Tensor {
      var sum = b.takeValue()
      Kernels.accumulate(a.value, into: &sum)
      return sum
    }
    if wantsValuesOnly { return Variable(value()) }
    return output(b.shape, from: [a, b], value: value) { g in
      a.accumulate(g)
      b.accumulate(g)
    }
  }

  /// x + s f with one factor s a column, as LayerScale has it (Touvron et al., "Going deeper with
  /// image transformers", 2021, eq. 4).
  ///
  /// - Parameters:
  ///   - x: `[rows, width]`; f: `[rows, width]`; scale: `[width]`.
  public func scaledAdd(_ x: Variable, scale: Variable, _ f: Variable) -> Variable {
    let s = scale.value
    let input = scale.requiresGradient ? f.later : nil
    return output(x.shape, from: [x, scale, f]) {
      Kernels.scaledAdd(x.value, scale: s, f.value)
    } backward: { g in
      // y = x + s f: dx = g, df = s g, ds = sum over rows of g f
      if let input {
        let (gf, gs) = Kernels.scaledAddBackward(g, scale: s, input())
        f.accumulate(gf)
        scale.accumulate(gs)
      } else {
        f.accumulate(Kernels.scaleColumns(g, by: s))
      }
      x.accumulate(g)
    }
  }

  /// x times a constant.
  public func scale(_ x: Variable, by factor: Float) -> Variable {
    var value = x.value
    Kernels.scale(&value, by: factor)
    return output(value, from: [x]) { g in
      var g = g
      Kernels.scale(&g, by: factor)
      x.accumulate(g)
    }
  }
}
