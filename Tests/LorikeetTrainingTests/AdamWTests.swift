// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTraining
import Testing

@Suite struct AdamWTests {
  private func parameter(_ values: [Float], _ shape: Shape, gradient: [Float]) -> Parameter {
    let parameter = Parameter(name: "p", Tensor(values, shape), isTrainable: true)
    parameter.variable.setGradient(Tensor(gradient, shape))
    return parameter
  }

  /// Algorithm 2 of Loshchilov and Hutter for one value.
  private func expected(
    _ value: Double, gradients: [Double], rate: Double, decay: Double, epsilon: Double = 1e-8
  ) -> Float {
    var (x, m, v) = (value, 0.0, 0.0)
    for (t, g) in gradients.enumerated() {
      m = 0.9 * m + 0.1 * g
      v = 0.999 * v + 0.001 * g * g
      let first = m / (1 - 1.0.scaled(0.9, t + 1))
      let second = v / (1 - 1.0.scaled(0.999, t + 1))
      x -= rate * (first / (second.squareRoot() + epsilon) + decay * x)
    }
    return Float(x)
  }

  @Test func groupsHaveTheirOwnRateAndVectorsDoNotDecay() {
    let matrix = parameter([2, -1], [1, 2], gradient: [0.5, 0.25])
    let vector = parameter([2, -1], [2], gradient: [0.5, 0.25])
    let optimizer = AdamW(
      [
        ParameterGroup(name: "fast", learningRate: 0.1, parameters: [("matrix", matrix)]),
        ParameterGroup(name: "slow", learningRate: 0.01, parameters: [("vector", vector)]),
      ], weightDecay: 0.2)
    for step in 0..<3 {
      if step > 0 {
        for p in [matrix, vector] { p.variable.setGradient(Tensor([0.5, 0.25], p.shape)) }
      }
      optimizer.step(factor: 0.5, gradientScale: 1)
      #expect(matrix.variable.gradient == nil)
    }
    func values(_ rate: Double, _ decay: Double) -> [Float] {
      [(2, 0.5), (-1, 0.25)].map {
        expected($0, gradients: [$1, $1, $1], rate: rate, decay: decay)
      }
    }
    expectClose(matrix.variable.value.values, values(0.05, 0.2), tolerance: 1e-6)
    expectClose(vector.variable.value.values, values(0.005, 0), tolerance: 1e-6)
  }

  @Test func theNormIsThatOfAllGradientsAndClippingScalesThem() {
    let a = parameter([0, 0], [1, 2], gradient: [3, 0])
    let b = parameter([0], [1], gradient: [4])
    let frozen = Parameter(name: "f", Tensor([1], [1]))
    // A large epsilon makes the step depend on the size of the gradient.
    let optimizer = AdamW(
      [
        ParameterGroup(
          name: "all", learningRate: 1, parameters: [("a", a), ("b", b), ("f", frozen)])
      ], epsilon: 10, weightDecay: 0)
    #expect(abs(optimizer.gradientNorm() - 5) < 1e-6)
    optimizer.step(factor: 1, gradientScale: 0.2)
    let steps = [3 * 0.2, 4 * 0.2].map {
      expected(0, gradients: [$0], rate: 1, decay: 0, epsilon: 10)
    }
    expectClose(a.variable.value.values, [steps[0], 0], tolerance: 1e-5)
    expectClose(b.variable.value.values, [steps[1]], tolerance: 1e-5)
    #expect(frozen.variable.value.values == [1])
  }

  @Test func stateRoundTripsAndMisshapenStateIsNamed() {
    func make() -> (Parameter, AdamW) {
      let p = parameter([1, 2], [1, 2], gradient: [0.3, -0.2])
      return (
        p, AdamW([ParameterGroup(name: "all", learningRate: 0.1, parameters: [("p", p)])])
      )
    }
    let (p, first) = make()
    first.step(factor: 1, gradientScale: 1)
    let (q, second) = make()
    q.replace(with: p.variable.value)
    let state = Dictionary(uniqueKeysWithValues: first.state.map { ($0.name, $0.tensor) })
    #expect(second.restore { state[$0] } == nil)
    for (parameter, optimizer) in [(p, first), (q, second)] {
      parameter.variable.setGradient(Tensor([-0.1, 0.7], [1, 2]))
      optimizer.step(factor: 1, gradientScale: 1)
    }
    #expect(p.variable.value.values == q.variable.value.values)
    let misshapen = StoredTensor(Tensor([1], [1]))
    #expect(second.restore { _ in misshapen } == "p")
  }
}

extension Double {
  /// The number times a power.
  fileprivate func scaled(_ base: Double, _ exponent: Int) -> Double {
    (0..<exponent).reduce(self) { value, _ in value * base }
  }
}
