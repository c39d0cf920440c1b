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
  private let rowNorms: RowNorms

  /// - Parameter lowRank: without a bias of its own, which PEFT does not have with DoRA.
  public init(_ lowRank: LowRankAdapter, magnitude: Parameter, on linear: Linear) {
    self.lowRank = lowRank
    self.magnitude = magnitude
    self.linear = linear
    rowNorms = RowNorms(linear.weight, .rows)
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

  /// The norm of each row of W + s B A, `[out]`.
  private var norms: Tensor {
    rowNorms.values(
      a: lowRank.a.variable.value, b: lowRank.b.variable.value, scale: lowRank.scale)
  }

  /// (c - 1) W + c s B A.
  public func delta(on linear: Linear) -> LinearDelta {
    let factors = Tensor.factors(magnitude.variable.value, over: norms)
    let less = Tensor(factors.values.map { $0 - 1 }, factors.shape)
    var sum = Kernels.scaleRows(linear.weight.matrix.tensor, by: less)
    Kernels.accumulate(Kernels.scaleRows(lowRank.delta, by: factors), into: &sum)
    return LinearDelta(.dense(sum))
  }
}

/// DoRA on a table of embeddings: what `MagnitudeAdapter` is to W, for the table as W^T (PEFT's
/// `DoraEmbeddingLayer`). Every channel of the embeddings gets a norm of its own, over all tokens.
final class MagnitudeEmbedding: EmbeddingTerm {
  let lowRank: LowRankEmbedding
  /// m, `[width]`.
  let magnitude: Parameter
  private let rowNorms: RowNorms

  init(_ lowRank: LowRankEmbedding, magnitude: Parameter, on embedding: Embedding) {
    self.lowRank = lowRank
    self.magnitude = magnitude
    rowNorms = RowNorms(embedding.weight, .columns)
  }

  var parameters: [Parameter] { lowRank.parameters + [magnitude] }
  var isAdditive: Bool { false }

  private var norms: Tensor {
    rowNorms.values(
      a: lowRank.a.variable.value, b: lowRank.b.variable.value, scale: lowRank.scale)
  }

  func apply(to output: Variable, tokens: [Int], _ tape: Tape) -> Variable {
    tape.scaleColumns(
      lowRank.apply(to: output, tokens: tokens, tape), by: magnitude.variable, over: norms,
      runs: [0..<tokens.count], reusing: true)
  }

  func delta(on embedding: Embedding) -> LinearDelta.Weight {
    let factors = Tensor.factors(magnitude.variable.value, over: norms)
    let less = Tensor(factors.values.map { $0 - 1 }, factors.shape)
    var sum = Kernels.transposed(
      Kernels.scaleColumns(embedding.weight.matrix.tensor, by: less))  // [width, tokens]
    Kernels.accumulate(
      Kernels.scaleRows(lowRank.delta(on: embedding).matrix, by: factors), into: &sum)
    return .dense(sum)
  }
}
