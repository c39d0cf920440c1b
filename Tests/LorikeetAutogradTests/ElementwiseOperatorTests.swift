// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAutograd
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct ElementwiseOperatorTests {
  static let shapes: [Shape] = [[0, 3], [1, 1], [5, 3], [1, 17], [2, 33], [3, 67]]

  @Test(arguments: shapes, [UInt64(1), 2]) func sumsScalesAndLayerScale(shape: Shape, seed: UInt64)
  {
    let (a, b) = (Tensor.random(shape, seed: seed), Tensor.random(shape, seed: seed + 1))
    let s = Tensor.random([shape.width], seed: seed + 2)
    checkGradients([a, b], sample: 20, seed: seed, "add") { tape, x, _ in tape.add(x[0], x[1]) }
    checkGradients([a], sample: 20, seed: seed, "scale") { tape, x, _ in
      tape.scale(x[0], by: -0.7)
    }
    checkGradients([a, s, b], sample: 20, seed: seed, "scaledAdd") { tape, x, _ in
      tape.scaledAdd(x[0], scale: x[1], x[2])
    }
    checkGradients([a], sample: 20, seed: seed, "x + x") { tape, x, _ in tape.add(x[0], x[0]) }
  }

  @Test(arguments: Activation.allCases, shapes)
  func activationsHaveTheirSlopes(activation: Activation, shape: Shape) {
    for seed in [UInt64(1), 2] {
      // Away from the kink of relu by more than two steps.
      var values = Tensor.random(shape, seed: seed, deviation: 2).values
      let largest = values.reduce(Float(1)) { max($0, abs($1)) }
      values = values.map { abs($0) < 0.05 * largest ? $0 + 0.1 * largest : $0 }
      let x = Tensor(values, shape)
      checkGradients([x], sample: 20, seed: seed, step: 0.01, "\(activation)") { tape, x, _ in
        tape.activate(x[0], activation)
      }
      checkGradients(
        [x, .random(shape, seed: seed + 5)], sample: 20, seed: seed, step: 0.01,
        "\(activation) gated"
      ) { tape, x, _ in tape.gated(activation, gate: x[0], up: x[1]) }
    }
  }

  @Test(arguments: shapes, [UInt64(3), 4]) func normsHaveTheirGradients(shape: Shape, seed: UInt64)
  {
    let x = Tensor.random(shape, seed: seed)
    let (w, b) = (
      Tensor.random([shape.width], seed: seed + 1), Tensor.random([shape.width], seed: seed + 2)
    )
    // A large epsilon keeps the function smooth where the width is 1.
    checkGradients([x, w], sample: 20, seed: seed, step: 0.01, "rmsNorm") { tape, x, _ in
      tape.rmsNorm(x[0], weight: x[1], epsilon: 0.1)
    }
    checkGradients([x, w, b], sample: 20, seed: seed, step: 0.01, "layerNorm") { tape, x, _ in
      tape.layerNorm(x[0], weight: x[1], bias: x[2], epsilon: 0.1)
    }
    if shape.width > 16 {
      checkGradients([x, w], sample: 20, seed: seed, step: 0.005, "rmsNorm") { tape, x, _ in
        tape.rmsNorm(x[0], weight: x[1], epsilon: 1e-6)
      }
      checkGradients([x, w, b], sample: 20, seed: seed, step: 0.005, "layerNorm") { tape, x, _ in
        tape.layerNorm(x[0], weight: x[1], bias: x[2], epsilon: 1e-6)
      }
    }
  }

  /// Enough rows for sums over several parts.
  @Test func normsOfManyRows() {
    let x = Tensor.random([700, 64], seed: 1)
    let (w, b) = (Tensor.random([64], seed: 2), Tensor.random([64], seed: 3))
    checkGradients([x, w, b], sample: 12, step: 0.01, tolerance: 4e-3, "layerNorm") { tape, x, _ in
      tape.layerNorm(x[0], weight: x[1], bias: x[2], epsilon: 1e-5)
    }
    checkGradients([x, w], sample: 12, step: 0.01, tolerance: 4e-3, "rmsNorm") { tape, x, _ in
      tape.rmsNorm(x[0], weight: x[1], epsilon: 1e-5)
    }
    checkGradients([x, w, x], sample: 12, tolerance: 4e-3, "scaledAdd") { tape, x, _ in
      tape.scaledAdd(x[0], scale: x[1], x[2])
    }
  }

  /// rms of (3, 4) is sqrt(12.5); the variance of (1, 3) about 2 is 1.
  @Test func normsInClosedForm() {
    let tape = Tape.inference
    let rms = tape.rmsNorm(
      Variable(Tensor([3, 4], [1, 2])), weight: Variable(Tensor([2, -1], [2])), epsilon: 0)
    let root = Float(12.5).squareRoot()
    expectClose(rms.value, Tensor([6 / root, -4 / root], [1, 2]), tolerance: 1e-6)
    let layer = tape.layerNorm(
      Variable(Tensor([1, 3], [1, 2])), weight: Variable(Tensor([2, 5], [2])),
      bias: Variable(Tensor([0.5, 1], [2])), epsilon: 0)
    expectClose(layer.value, Tensor([-1.5, 6], [1, 2]), tolerance: 1e-6)
  }

  @Test(arguments: [(1, 1, 2), (3, 2, 6), (2, 3, 16), (0, 1, 4), (5, 1, 34)])
  func rotationsTurnBack(rows: Int, heads: Int, headWidth: Int) {
    let frequencies = (0..<headWidth / 2).map { pow(100, -2 * Double($0) / Double(headWidth)) }
    let table = RotaryTable(
      positions: (0..<rows).map { $0 * 3 + 1 }, frequencies: frequencies)
    let x = Tensor.random([rows, heads * headWidth], seed: 1)
    checkGradients([x], sample: 30, "rotate") { tape, x, _ in tape.rotate(x[0], by: table) }
    var turned = x
    Kernels.rotate(&turned, by: table)
    Kernels.rotate(&turned, by: table, inverse: true)
    expectClose(turned, x, tolerance: 1e-6)
  }

  /// At position p channel i turns with channel i + width / 2 by the angle p f_i.
  @Test func rotationInClosedForm() {
    let table = RotaryTable(positions: [0, 2], frequencies: [0.5, 0.1])
    let x = Variable(Tensor([1, 2, 3, 4, 1, 2, 3, 4], [2, 4]))
    let y = Tape.inference.rotate(x, by: table).value.values
    #expect(Array(y[..<4]) == [1, 2, 3, 4])
    let expected: [Double] = [
      cos(1) - 3 * sin(1), 2 * cos(0.2) - 4 * sin(0.2), 3 * cos(1) + sin(1),
      4 * cos(0.2) + 2 * sin(0.2),
    ]
    expectClose(Array(y[4...]), expected.map { Float($0) }, tolerance: 1e-6)
  }
}
