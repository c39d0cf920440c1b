// SPDX-License-Identifier: Apache-2.0

import LorikeetAdapters
import LorikeetAutograd
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// DoRA on one layer, against the formula written out. The numbers of PEFT are in LoRAParityTests.
@Suite struct MagnitudeAdapterTests {
  static let (inputs, outputs, rank, rows) = (64, 9, 3, 7)
  static let layout: ModalityLayout = {
    var layout = ModalityLayout(.image, rows: 3)
    layout.append(.text, count: 2)
    layout.append(.image, count: 2)
    return layout
  }()

  private struct Layer {
    let linear: Linear
    let term: MagnitudeAdapter
    let x = Tensor.random([MagnitudeAdapterTests.rows, MagnitudeAdapterTests.inputs], seed: 9)

    init(dtype: DType = .float32, dropout: Float = 0, modalities: Set<Modality>? = nil) {
      let (inputs, outputs, rank) = (
        MagnitudeAdapterTests.inputs, MagnitudeAdapterTests.outputs, MagnitudeAdapterTests.rank
      )
      let scope = LayerScope(.random(seed: 1), index: ModuleIndex())
      linear = scope.linear("layer", inputs: inputs, outputs: outputs, bias: true)
      linear.bias?.replace(with: .random([outputs], seed: 2))
      linear.weight.store(as: dtype)
      func parameter(_ shape: Shape, _ seed: UInt64) -> Parameter {
        Parameter(name: "p", .random(shape, seed: seed), isTrainable: true)
      }
      term = MagnitudeAdapter(
        LowRankAdapter(
          a: parameter([rank, inputs], 3), b: parameter([outputs, rank], 4), bias: nil,
          scale: 0.4, dropout: dropout, modalities: modalities),
        magnitude: parameter([outputs], 5), on: linear)
      linear.adapters.append(term)
    }

    /// m / |W + s B A| and W, s B A as rows of numbers.
    func parts() -> (factors: [Float], weight: Tensor, delta: Tensor) {
      let weight = linear.weight.rows(0..<linear.outputs)
      let sum = Kernels.add(weight, term.lowRank.delta)
      let factors = (0..<linear.outputs).map { row in
        let squares = (0..<linear.inputs).reduce(Float(0)) {
          $0 + sum[flat: row * linear.inputs + $1] * sum[flat: row * linear.inputs + $1]
        }
        return term.magnitude.variable.value[flat: row] / squares.squareRoot()
      }
      return (factors, weight, term.lowRank.delta)
    }
  }

  private func context(isTraining: Bool = false) -> ForwardContext {
    ForwardContext(
      tape: .inference, isTraining: isTraining, segments: [], positions: Array(0..<Self.rows),
      modalities: Self.layout, random: RandomStream(seed: 3))
  }

  @Test(arguments: [DType.float32, .bfloat16, .q8_0], [nil, Set([Modality.image])])
  func outputsAreThoseOfTheFormula(dtype: DType, modalities: Set<Modality>?) {
    let layer = Layer(dtype: dtype, modalities: modalities)
    let found = layer.linear(Variable(layer.x), context()).value.values
    let (factors, weight, delta) = layer.parts()
    let base = Kernels.product(layer.x, weight, transposeB: true)
    let sum = Kernels.product(layer.x, Kernels.add(weight, delta), transposeB: true)
    let bias = layer.linear.bias?.variable.value.values ?? []
    let adapted = Set(Self.layout.rows(of: modalities ?? [.image, .text]).flatMap { Array($0) })
    let expected = (0..<Self.rows * Self.outputs).map { i in
      let (row, column) = i.quotientAndRemainder(dividingBy: Self.outputs)
      return bias[column]
        + (adapted.contains(row) ? factors[column] * sum[flat: i] : base[flat: i])
    }
    // The products of q8_0 round the input as well.
    expectClose(found, expected, tolerance: dtype == .q8_0 ? 2e-2 : 2e-5)
    #expect(layer.linear.weight.stored.dtype == dtype)
  }

  /// y = W x + bias + (c - 1) W dropout(x) + c s B A dropout(x).
  @Test func dropoutActsAsInPEFT() {
    let layer = Layer(dropout: 0.3, modalities: [.image])
    let found = layer.linear(Variable(layer.x), context(isTraining: true)).value
    var stream = RandomStream(seed: 3)
    let mask = DropoutMask(probability: 0.3, key: stream.next())
    let runs = Self.layout.rows(of: [.image])
    let own = Kernels.gatherRows(runs.map { (layer.x, $0) }, width: Self.inputs)
    let dropped = Kernels.dropout(own, mask)
    #expect(dropped.values != own.values)
    let (factors, weight, delta) = layer.parts()
    let base = Kernels.product(dropped, weight, transposeB: true)
    let term = Kernels.product(dropped, delta, transposeB: true)
    layer.linear.adapters = []
    let plain = layer.linear(Variable(layer.x), context()).value
    for (place, row) in runs.flatMap({ Array($0) }).enumerated() {
      for column in 0..<Self.outputs {
        let i = place * Self.outputs + column
        let c = factors[column]
        let expected =
          plain[flat: row * Self.outputs + column] + (c - 1) * base[flat: i] + c * term[flat: i]
        #expect(abs(found[flat: row * Self.outputs + column] - expected) < 1e-4)
      }
    }
    for column in 3 * Self.outputs..<5 * Self.outputs {
      #expect(found[flat: column] == plain[flat: column])
    }
  }

  /// The norms follow every change of what they are made of.
  @Test func normsAreNeverOld() {
    let layer = Layer()
    func output() -> [Float] { layer.linear(Variable(layer.x), context()).value.values }
    func expectFormula(_ name: String) {
      let (factors, weight, delta) = layer.parts()
      let sum = Kernels.product(layer.x, Kernels.add(weight, delta), transposeB: true)
      let bias = layer.linear.bias?.variable.value.values ?? []
      let expected = sum.values.enumerated().map {
        factors[$0.offset % Self.outputs] * $0.element + bias[$0.offset % Self.outputs]
      }
      expectClose(output(), expected, tolerance: 2e-5, name)
    }
    expectFormula("first")
    layer.term.lowRank.a.replace(with: .random([Self.rank, Self.inputs], seed: 21))
    expectFormula("another A")
    // As an optimiser does it, where it lies.
    Kernels.scale(&layer.term.lowRank.b.variable.value, by: 3)
    expectFormula("B scaled in place")
    layer.linear.weight.replace(with: .random([Self.outputs, Self.inputs], seed: 22))
    expectFormula("another W")
    layer.linear.weight.store(as: .bfloat16)
    expectFormula("W in another type")
  }
}
