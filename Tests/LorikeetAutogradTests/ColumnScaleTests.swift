// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct ColumnScaleTests {
  static let runs: [[Range<Int>]] = [[0..<6], [1..<3, 4..<5]]
  /// Norms are positive.
  static let divisor = Tensor([0.5, 2, 1, 3], [4])

  @Test(arguments: runs) func scaledColumns(runs: [Range<Int>]) {
    let y = Tensor.random([6, 4], seed: 1)
    let s = Tensor.random([4], seed: 2)
    let o = Tensor.random([4], seed: 3)
    let found = Tape.inference.scaleColumns(
      Variable(y), by: Variable(s), over: Self.divisor, about: Variable(o), runs: runs)
    for row in 0..<6 {
      for column in 0..<4 {
        let before = y[flat: row * 4 + column]
        let factor = s[flat: column] / Self.divisor[flat: column]
        let expected =
          runs.contains { $0.contains(row) }
          ? factor * (before - o[flat: column]) + o[flat: column] : before
        #expect(abs(found.value[flat: row * 4 + column] - expected) < 1e-5)
      }
    }
  }

  @Test(arguments: runs) func gradientsOfScaledColumns(runs: [Range<Int>]) {
    let inputs: [Tensor] = [
      .random([6, 4], seed: 1), .random([4, 1], seed: 2), .random([4], seed: 3),
    ]
    checkGradients(inputs) { tape, x, _ in
      tape.scaleColumns(x[0], by: x[1], over: Self.divisor, about: x[2], runs: runs)
    }
    checkGradients([inputs[0], inputs[1]]) { tape, x, _ in
      tape.scaleColumns(x[0], by: x[1], runs: runs, reusing: true)
    }
  }

  @Test(arguments: runs) func gradientsOfScaledTerms(runs: [Range<Int>]) {
    let count = runs.reduce(0) { $0 + $1.count }
    checkGradients([
      .random([6, 4], seed: 1), .random([count, 4], seed: 2), .random([count, 4], seed: 3),
      .random([4], seed: 4),
    ]) { tape, x, _ in
      tape.addScaled(
        to: x[0], base: x[1], term: x[2], by: x[3], over: Self.divisor, runs: runs)
    }
  }

  @Test func dropoutDropsAndScales() {
    let mask = DropoutMask(probability: 0.25, key: 7)
    let ones = Tensor(repeating: 1, [100, 40])
    let values = Tape.inference.dropout(Variable(ones), mask).value.values
    #expect(values.allSatisfy { $0 == 0 || abs($0 - 4 / 3) < 1e-6 })
    let dropped = values.count { $0 == 0 }
    #expect(abs(dropped - 1000) < 150)
    checkGradients([.random([3, 5], seed: 1)]) { tape, x, _ in tape.dropout(x[0], mask) }
  }

  @Test func gradientsOfTokenRows() {
    checkGradients([.random([3, 7], seed: 1)]) { tape, x, _ in
      tape.embedColumns(x[0], [6, 0, 2, 6])
    }
    checkGradients([.random([4, 3], seed: 1), .random([2, 3], seed: 2)]) { tape, x, _ in
      tape.replaceRows(of: x[0], from: x[1], [(row: 3, source: 0), (row: 1, source: 0)])
    }
  }
}
