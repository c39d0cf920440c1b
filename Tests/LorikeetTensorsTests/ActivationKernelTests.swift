// SPDX-License-Identifier: Apache-2.0

import CLorikeetKernels
import Foundation
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// The activations over a fine grid, with each instruction set, against the C library's functions
/// in double precision.
@Suite struct ActivationKernelTests {
  private struct Function: Sendable {
    let name: String
    let kind: Int32
    let value: @Sendable (Double) -> Double
    let slope: @Sendable (Double) -> Double
  }

  private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
  private static let root = (2 / Double.pi).squareRoot()

  private static let functions = [
    Function(name: "gelu", kind: 0) { x in
      0.5 * x * (1 + erf(x / 2.0.squareRoot()))
    } slope: { x in
      0.5 * (1 + erf(x / 2.0.squareRoot())) + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot()
    },
    Function(name: "gelu_tanh", kind: 1) { x in
      0.5 * x * (1 + tanh(root * (x + 0.044715 * x * x * x)))
    } slope: { x in
      let t = tanh(root * (x + 0.044715 * x * x * x))
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * root * (1 + 3 * 0.044715 * x * x)
    },
    Function(name: "quick_gelu", kind: 2) { x in
      x * sigmoid(1.702 * x)
    } slope: { x in
      let s = sigmoid(1.702 * x)
      return s + 1.702 * x * s * (1 - s)
    },
    Function(name: "silu", kind: 3) { x in
      x * sigmoid(x)
    } slope: { x in
      let s = sigmoid(x)
      return s + x * s * (1 - s)
    },
    Function(name: "relu", kind: 4) {
      max($0, 0)
    } slope: {
      $0 > 0 ? 1 : 0
    },
  ]

  /// -12 to 12 by 1/512, an odd number of values, then some far away.
  private static let grid =
    (-6144...6144).map { Float($0) / 512 }
    + [-1e30, -1e12, -300, -100, -88, -30, 30, 88, 100, 300, 1e4]

  @Test(arguments: InstructionSets.available) func valuesAndSlopes(set: String) {
    let n = Self.grid.count
    let x = Floats(Self.grid, offset: 1)
    let ones = Floats(Array(repeating: 1, count: n), offset: 3)
    for function in Self.functions {
      let y = Floats(Array(repeating: 0, count: n), offset: 2)
      let gx = Floats(Array(repeating: 0, count: n), offset: 1)
      InstructionSets.using(set) {
        lk_activation(function.kind, n, x.pointer, y.pointer)
        lk_activation_backward(function.kind, n, x.pointer, ones.pointer, gx.pointer)
      }
      let (values, slopes) = (y.values, gx.values)
      var (worst, worstSlope): ((Double, Float), (Double, Float)) = ((0, 0), (0, 0))
      for (i, x) in Self.grid.enumerated() {
        let expected = function.value(Double(x))
        // 3e-7 of |x|, as the error of erf, exp and tanh is multiplied by x.
        let error = abs(Double(values[i]) - expected) / max(1, abs(Double(x)))
        let slopeError = abs(Double(gx.pointer[i]) - function.slope(Double(x)))
        #expect(values[i].isFinite && slopes[i].isFinite, "\(function.name)(\(x)), \(set)")
        if error > worst.0 { worst = (error, x) }
        if slopeError > worstSlope.0 { worstSlope = (slopeError, x) }
      }
      #expect(worst.0 < 3e-7, "\(function.name) at \(worst.1), \(set)")
      #expect(worstSlope.0 < 1e-6, "slope of \(function.name) at \(worstSlope.1), \(set)")
    }
  }

  /// exp through exp_minus with 0.
  @Test(arguments: InstructionSets.available) func exponentials(set: String) {
    let grid = (0...40_000).map { -88 + Float($0) / 250 }.filter { $0 <= 0 }
    let y = Floats(grid, offset: 1)
    InstructionSets.using(set) { lk_exp_minus(grid.count, 0, y.pointer) }
    let values = y.values
    for (i, x) in grid.enumerated() {
      let expected = exp(Double(x))
      let error = abs(Double(values[i]) - expected)
      if !(error <= 3e-7 * expected + 1e-37) { Issue.record("exp(\(x)) is \(values[i]), \(set)") }
    }
    let far = Floats([-1e30, -200, -.infinity], offset: 0)
    InstructionSets.using(set) { lk_exp_minus(3, 0, far.pointer) }
    #expect(far.values == [0, 0, 0])
  }

  @Test(arguments: InstructionSets.available) func gatedUnits(set: String) {
    for n in [0, 1, 3, 17, 33, 67] {
      let (gate, up, g) = (
        Tensor.random([n], seed: 1, deviation: 2).values, Tensor.random([n], seed: 2).values,
        Tensor.random([n], seed: 3).values
      )
      let (a, b, c) = (
        Floats(gate, offset: 1), Floats(up, offset: 2), Floats(g, offset: 3)
      )
      for function in Self.functions {
        let zeros = [Float](repeating: 0, count: n)
        let (y, ga, gb) = (
          Floats(zeros, offset: 1), Floats(zeros, offset: 2), Floats(zeros, offset: 3)
        )
        InstructionSets.using(set) {
          lk_gated(function.kind, n, a.pointer, b.pointer, y.pointer)
          lk_gated_backward(
            function.kind, n, a.pointer, b.pointer, c.pointer, ga.pointer, gb.pointer)
        }
        let values = gate.indices.map { Float(function.value(Double(gate[$0])) * Double(up[$0])) }
        expectClose(y.values, values, tolerance: 1e-6, floor: 1, "\(function.name) gated, \(set)")
        let gateSlopes = gate.indices.map {
          Float(function.slope(Double(gate[$0])) * Double(up[$0]) * Double(g[$0]))
        }
        expectClose(
          ga.values, gateSlopes, tolerance: 1e-6, floor: 1, "\(function.name) by gate, \(set)")
        let upSlopes = gate.indices.map { Float(function.value(Double(gate[$0])) * Double(g[$0])) }
        expectClose(
          gb.values, upSlopes, tolerance: 1e-6, floor: 1, "\(function.name) by up, \(set)")
      }
    }
  }
}
