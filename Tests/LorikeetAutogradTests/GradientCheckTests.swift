// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// The check itself finds what it is there to find.
@Suite struct GradientCheckTests {
  /// y = x^2 with a gradient that is off by a factor.
  private func square(_ tape: Tape, _ x: Variable, factor: Float) -> Variable {
    let value = x.value
    return tape.output(Kernels.multiply(value, value), from: [x]) { g in
      var gradient = Kernels.multiply(g, value)
      Kernels.scale(&gradient, by: factor)
      x.accumulate(gradient)
    }
  }

  @Test func rightGradientsPass() {
    checkGradients([.random([3, 5], seed: 1)]) { tape, x, _ in square(tape, x[0], factor: 2) }
  }

  @Test func wrongGradientsAreFound() {
    withKnownIssue {
      checkGradients([.random([3, 5], seed: 1)]) { tape, x, _ in square(tape, x[0], factor: 2.02) }
    }
    withKnownIssue {
      // No gradient at all.
      checkGradients([.random([3, 5], seed: 1)]) { _, x, _ in
        Variable(Kernels.multiply(x[0].value, x[0].value))
      }
    }
  }

  @Test func comparisonsSeeNotANumberAndShapes() {
    withKnownIssue { expectClose([.nan], [1], tolerance: 1) }
    withKnownIssue { expectClose([1], [.nan], tolerance: 1) }
    withKnownIssue { expectClose([1, 2], [1], tolerance: 1) }
    withKnownIssue { expectClose([1, 2.1], [1, 2], tolerance: 0.01) }
    withKnownIssue {
      expectClose(Tensor([1, 2], [1, 2]), Tensor([1, 2], [2, 1]), tolerance: 1)
    }
    expectClose([1, 2.01], [1, 2], tolerance: 0.01)
  }
}
