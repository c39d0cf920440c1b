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
    var sum = b.takeValue()
    Kernels.accumulate(a.value, into: &sum)
    if wantsValuesOnly { return Variable(sum) }
    return output(sum, from: [a, b]) { g in
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
    let value = Kernels.scaledAdd(x.value, scale: scale.value, f.value)
    let (s, input) = (scale.value, f.value)
    return output(value, from: [x, scale, f]) { g in
      // y = x + s f: dx = g, df = s g, ds = sum over rows of g f
      let (gf, gs) = Kernels.scaledAddBackward(
        g, scale: s, input, needsScale: scale.requiresGradient)
      f.accumulate(gf)
      if let gs { scale.accumulate(gs) }
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
