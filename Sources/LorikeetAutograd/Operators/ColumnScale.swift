// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// Factors s / n, one a column, where s learns and n does not.
private struct ColumnFactors {
  let values: Tensor
  private let divisor: Tensor?

  init(_ scale: Variable, over divisor: Tensor?) {
    self.divisor = divisor
    values = Self.quotient(scale.value.reshaped([scale.shape.count]), divisor)
  }

  /// The gradient by s, from that by the product and what was multiplied.
  func gradient(_ g: Tensor, _ z: Tensor) -> Tensor {
    Self.quotient(Kernels.sumOfRows(Kernels.multiply(g, z)), divisor)
  }

  private static func quotient(_ a: Tensor, _ b: Tensor?) -> Tensor {
    guard let b else { return a }
    return Tensor(zip(a.values, b.values).map { $0 / max($1, .leastNormalMagnitude) }, a.shape)
  }
}

extension Tape {
  /// c (y - o) + o with one factor c = s / n a column on some rows, y elsewhere: how (IA)^3 scales
  /// activations (Liu et al., "Few-shot parameter-efficient fine-tuning", 2022, section 3.3; n = 1,
  /// o = 0) and DoRA the output of a layer of bias o (Liu et al., "DoRA", 2024, eq. 5).
  ///
  /// - Parameters:
  ///   - y: `[rows, width]`.
  ///   - scale: s, of `width` values in any shape.
  ///   - divisor: n, `[width]`, a constant; ones by default.
  ///   - offset: o, `[width]`; zeros by default.
  ///   - runs: the rows on which it acts, ascending.
  ///   - reusing: whether y may be used up: it must not be read after this.
  public func scaleColumns(
    _ y: Variable, by scale: Variable, over divisor: Tensor? = nil, about offset: Variable? = nil,
    runs: [Range<Int>], reusing: Bool = false
  ) -> Variable {
    let width = y.shape.width
    precondition(scale.shape.count == width, "scaleColumns: \(y.shape) by \(scale.shape)")
    let runs = runs.filter { !$0.isEmpty }
    guard !runs.isEmpty else { return y }
    let factors = ColumnFactors(scale, over: divisor)
    var value = reusing ? y.takeValue() : y.value
    var z = Kernels.gatherRows(runs.map { (value, $0) }, width: width)
    if let offset {
      var minus = offset.value
      Kernels.scale(&minus, by: -1)
      Kernels.addBias(minus, to: &z)
    }
    var scaled = Kernels.scaleColumns(z, by: factors.values)
    if let offset { Kernels.addBias(offset.value, to: &scaled) }
    Self.put(scaled, into: &value, runs)
    return output(value, from: [y, scale, offset]) { g in
      let own = Kernels.gatherRows(runs.map { (g, $0) }, width: width)
      let gz = Kernels.scaleColumns(own, by: factors.values)
      if scale.requiresGradient {
        scale.accumulate(factors.gradient(own, z).reshaped(scale.shape))
      }
      if let offset, offset.requiresGradient {
        var sum = Kernels.sumOfRows(own)
        Kernels.accumulate(Kernels.sumOfRows(gz), scale: -1, into: &sum)
        offset.accumulate(sum)
      }
      var gy = g
      Self.put(gz, into: &gy, runs)
      y.accumulate(gy)
    }
  }

  /// y + (c - 1) u + c t with one factor c = s / n a column on some rows, y elsewhere: DoRA where the
  /// layer's product and the term see an input of their own, with dropout (PEFT's `DoraLinearLayer`).
  /// The memory of y is used again for the result.
  ///
  /// - Parameters:
  ///   - y: `[rows, width]`.
  ///   - base: u, the layer's product, `[rows of the runs, width]`; term: t, as large.
  ///   - scale: s, `[width]`; divisor: n, `[width]`, a constant.
  public func addScaled(
    to y: Variable, base: Variable, term: Variable, by scale: Variable, over divisor: Tensor,
    runs: [Range<Int>]
  ) -> Variable {
    let width = y.shape.width
    let runs = runs.filter { !$0.isEmpty }
    let factors = ColumnFactors(scale, over: divisor)
    let sum = Kernels.add(base.value, term.value)
    var addition = Kernels.scaleColumns(sum, by: factors.values)
    Kernels.accumulate(base.value, scale: -1, into: &addition)
    var value = y.takeValue()
    Kernels.scatterRows(addition, into: &value, runs: runs)
    return output(value, from: [y, base, term, scale]) { g in
      let own = Kernels.gatherRows(runs.map { (g, $0) }, width: width)
      let gt = Kernels.scaleColumns(own, by: factors.values)
      if base.requiresGradient {
        var gu = gt
        Kernels.accumulate(own, scale: -1, into: &gu)
        base.accumulate(gu)
      }
      term.accumulate(gt)
      if scale.requiresGradient { scale.accumulate(factors.gradient(own, sum)) }
      y.accumulate(g)
    }
  }

  /// x with values dropped as a mask has it.
  public func dropout(_ x: Variable, _ mask: DropoutMask) -> Variable {
    output(Kernels.dropout(x.value, mask), from: [x]) { g in
      x.accumulate(Kernels.dropout(g, mask))
    }
  }

  private static func put(_ rows: Tensor, into value: inout Tensor, _ runs: [Range<Int>]) {
    if runs == [0..<value.rows] {
      value = rows.reshaped(value.shape)
      return
    }
    var start = 0
    for run in runs {
      Kernels.copyRows(rows.rows(start..<start + run.count), into: &value, at: run.lowerBound)
      start += run.count
    }
  }
}
