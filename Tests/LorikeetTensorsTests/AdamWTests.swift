// SPDX-License-Identifier: Apache-2.0

import LorikeetTensors
import LorikeetTestSupport
import Testing

/// Values of torch.optim.AdamW (torch 2.13.0), from w = [1, -2, 0.5, 3, 0] and four gradients.
@Suite struct AdamWTests {
  private let gradients: [[Float]] = [
    [0.1, -0.2, 0.3, 0, 1e-4], [-0.5, 0.25, 0.125, 1, 0], [2, -1, 0.5, -0.25, 1e-3],
    [0, 0, 0, 0, 0],
  ]

  private func run(
    rate: Float, beta2: Float, epsilon: Float, decay: Float, gradientScale: Float
  ) -> [[Float]] {
    var w = Tensor([1, -2, 0.5, 3, 0], [5])
    var (first, second) = (Tensor(repeating: 0, [5]), Tensor(repeating: 0, [5]))
    return gradients.enumerated().map { step, gradient in
      Kernels.adamW(
        &w, gradient: Tensor(gradient, [5]), first: &first, second: &second, rate: rate, beta1: 0.9,
        beta2: beta2, epsilon: epsilon, decay: decay, step: step + 1, gradientScale: gradientScale)
      return w.values
    }
  }

  @Test func stepsEqualThoseOfTorch() {
    let found = run(rate: 0.01, beta2: 0.95, epsilon: 1e-6, decay: 0.1, gradientScale: 1)
    let expected: [[Float]] = [
      [0.989000142, -1.98800004, 0.489500046, 2.99699998, -0.00990098994],
      [0.993926466, -1.98763490, 0.479881406, 2.98665357, -0.0165817104],
      [0.987999916, -1.98006797, 0.470338345, 2.97964096, -0.0232607163],
      [0.982918680, -1.97345805, 0.462347180, 2.97332072, -0.0287920125],
    ]
    for (step, values) in expected.enumerated() {
      expectClose(found[step], values, tolerance: 1e-6, "step \(step + 1)")
    }
  }

  @Test func gradientsAreScaledAndEpsilonStandsOutsideTheRoot() {
    let found = run(rate: 0.1, beta2: 0.999, epsilon: 1e-8, decay: 0, gradientScale: 0.25)
    let expected: [[Float]] = [
      [0.900000036, -1.89999998, 0.400000036, 3, -0.0999600068],
      [0.959835470, -1.91627324, 0.309520245, 2.92558622, -0.166927934],
      [0.909353435, -1.85926306, 0.217852309, 2.88528419, -0.235636920],
      [0.868001580, -1.81256378, 0.142763525, 2.85227108, -0.291918546],
    ]
    for (step, values) in expected.enumerated() {
      expectClose(found[step], values, tolerance: 2e-6, "step \(step + 1)")
    }
  }
}
