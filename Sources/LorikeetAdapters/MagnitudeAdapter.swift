// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
internal import LorikeetTensors

/// DoRA on one linear layer: every row of W + s B A gets a norm m of its own (Liu et al., "DoRA:
/// Weight-decomposed low-rank adaptation", 2024, eq. 5):
///
///     y = c (W x + s B A x) + bias,  c = m / |W + s B A|, the norm of each row
///
/// The norm gets no gradient (section 4.3 there). With dropout the terms see dropout(x) and the layer
/// itself x, as in PEFT: y = W x + bias + (c - 1) W dropout(x) + c s B A dropout(x).
public final class MagnitudeAdapter: LinearTerm {
  public let lowRank: LowRankAdapter
  /// m, `[out]`.
  public let magnitude: Parameter
  private unowned let linear: Linear
  private var cache: Norms?

  /// The norms, and what they were computed from. It is kept alive, so that its identity tells whether
  /// anything has changed.
  private struct Norms {
    let weight: StoredTensor
    let squares: [Float]
    let a: Tensor
    let b: Tensor
    let values: Tensor
  }

  /// - Parameter lowRank: without a bias of its own, which PEFT does not have with DoRA.
  public init(_ lowRank: LowRankAdapter, magnitude: Parameter, on linear: Linear) {
    self.lowRank = lowRank
    self.magnitude = magnitude
    self.linear = linear
  }

  public var parameters: [Parameter] { lowRank.parameters + [magnitude] }
  public var modalities: Set<Modality>? { lowRank.modalities }
  public var isAdditive: Bool { false }

  public func apply(to output: Variable, input: Variable, _ context: ForwardContext) -> Variable {
    let runs = runs(input.shape.rows, context)
    guard !runs.isEmpty else { return output }
    let tape = context.tape
    let (a, b, m) = (lowRank.a.variable, lowRank.b.variable, magnitude.variable)
    guard let mask = lowRank.mask(context) else {
      let sum = tape.addLowRank(
        to: output, input, a: a, b: b, scale: lowRank.scale, runs: runs)
      return tape.scaleColumns(
        sum, by: m, over: norms, about: linear.bias?.variable, runs: runs, reusing: true)
    }
    let rows = runs.reduce(0) { $0 + $1.count }
    let dropped = tape.dropout(
      tape.joinRows(runs.map { (input, $0) }, width: input.shape.width), mask)
    let term = tape.addLowRank(
      to: Variable(Tensor(repeating: 0, [rows, linear.outputs])), dropped, a: a, b: b,
      scale: lowRank.scale, runs: [0..<rows])
    return tape.addScaled(
      to: output, base: tape.linear(dropped, linear.weight), term: term, by: m, over: norms,
      runs: runs)
  }

  /// The norm of each row of W + s B A, `[out]`, without that matrix:
  /// |W_j + s B_j A|^2 = |W_j|^2 + 2 s B_j (A W_j) + s^2 B_j (A A^T) B_j.
  private var norms: Tensor {
    let (a, b) = (lowRank.a.variable.value, lowRank.b.variable.value)
    let weight = linear.weight.stored
    let known = cache.flatMap { $0.weight.storage === weight.storage ? $0 : nil }
    if let known, known.a.storage === a.storage, known.b.storage === b.storage {
      return known.values
    }
    let squares = known?.squares ?? Self.squares(of: linear.weight)
    let cross = Kernels.transposed(linear.weight.matrix.multiply(a))  // [out, r]
    let gram = Kernels.product(b, Kernels.product(a, a, transposeB: true))  // [out, r]
    let scale = lowRank.scale
    let (bv, cv, gv, rank) = (b.values, cross.values, gram.values, b.width)
    let values = squares.indices.map { row in
      var sum = squares[row]
      for k in row * rank..<(row + 1) * rank {
        sum += scale * bv[k] * (2 * cv[k] + scale * gv[k])
      }
      return max(sum, 0).squareRoot()
    }
    let norms = Tensor(values, [values.count])
    cache = Norms(weight: weight, squares: squares, a: a, b: b, values: norms)
    return norms
  }

  /// The norm of each row of a weight, `[out]`: the magnitudes of a new adapter.
  static func rowNorms(of weight: Parameter) -> Tensor {
    let squares = squares(of: weight)
    return Tensor(squares.map { $0.squareRoot() }, [squares.count])
  }

  private static func squares(of weight: Parameter) -> [Float] {
    let rows = weight.shape[0]
    var squares: [Float] = []
    squares.reserveCapacity(rows)
    for start in stride(from: 0, to: rows, by: 64) {
      let block = weight.rows(start..<min(start + 64, rows))
      for row in 0..<block.rows {
        squares.append(Float(Kernels.sumOfSquares(block.rows(row..<row + 1))))
      }
    }
    return squares
  }

  public func merge(into linear: Linear) {
    let factors = Tensor(
      zip(magnitude.variable.value.values, norms.values).map {
        $0 / max($1, .leastNormalMagnitude)
      }, magnitude.shape)
    let sum = Kernels.add(linear.weight.variable.value, lowRank.delta)
    linear.weight.replace(
      with: Kernels.transposed(Kernels.scaleColumns(Kernels.transposed(sum), by: factors)))
  }
}
