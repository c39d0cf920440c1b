// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct LowRankTests {
  struct Case: Sendable {
    let rows: Int
    let inputs: Int
    let outputs: Int
    let rank: Int
    let runs: [Range<Int>]
  }
  static let cases: [Case] = [
    Case(rows: 1, inputs: 1, outputs: 1, rank: 1, runs: [0..<1]),
    Case(rows: 6, inputs: 17, outputs: 3, rank: 4, runs: [0..<6]),
    Case(rows: 9, inputs: 33, outputs: 67, rank: 8, runs: [1..<3, 3..<3, 5..<9]),
    Case(rows: 5, inputs: 3, outputs: 17, rank: 2, runs: [0..<1, 4..<5]),
    Case(rows: 4, inputs: 3, outputs: 5, rank: 2, runs: []),
    Case(rows: 4, inputs: 3, outputs: 5, rank: 2, runs: [2..<2]),
    // More rows than one block, and runs that end within blocks.
    Case(rows: 301, inputs: 19, outputs: 5, rank: 3, runs: [0..<301]),
    Case(rows: 301, inputs: 5, outputs: 18, rank: 9, runs: [3..<140, 141..<300]),
    Case(rows: 0, inputs: 3, outputs: 5, rank: 2, runs: [0..<0]),
  ]

  @Test(arguments: cases, [Float(0), 0.4]) func gradients(c: Case, probability: Float) {
    for seed in [UInt64(1), 2] {
      let mask =
        probability > 0 ? DropoutMask(probability: probability, key: 99 &+ seed) : nil
      checkGradients(
        [
          .random([c.rows, c.outputs], seed: seed), .random([c.rows, c.inputs], seed: seed + 1),
          .random([c.rank, c.inputs], seed: seed + 2),
          .random([c.outputs, c.rank], seed: seed + 3),
        ], sample: 20, seed: seed, "addLowRank"
      ) { tape, v, _ in
        tape.addLowRank(
          to: v[0], v[1], a: v[2], b: v[3], scale: 1.5, runs: c.runs, dropout: mask)
      }
    }
  }

  @Test(arguments: cases) func valuesAreThoseOfThePlainSum(c: Case) {
    let y = Tensor.random([c.rows, c.outputs], seed: 1)
    let x = Tensor.random([c.rows, c.inputs], seed: 2)
    let (a, b) = (
      Tensor.random([c.rank, c.inputs], seed: 3), Tensor.random([c.outputs, c.rank], seed: 4)
    )
    let found = Tape.inference.addLowRank(
      to: Variable(y), Variable(x), a: Variable(a), b: Variable(b), scale: 0.5, runs: c.runs)
    var expected = y.values
    let (xv, av, bv) = (x.values, a.values, b.values)
    for run in c.runs {
      for row in run {
        for out in 0..<c.outputs {
          var sum = 0.0
          for r in 0..<c.rank {
            let h = (0..<c.inputs).reduce(0.0) {
              $0 + Double(xv[row * c.inputs + $1]) * Double(av[r * c.inputs + $1])
            }
            sum += Double(bv[out * c.rank + r]) * h
          }
          expected[row * c.outputs + out] += Float(0.5 * sum)
        }
      }
    }
    expectClose(found.value.values, expected, tolerance: 2e-6)
  }

  @Test func theMaskDependsOnTheKeyAlone() {
    let x = Tensor(repeating: 1, [64, 32])
    let a = Tensor.random([2, 32], seed: 3)
    func run(_ key: UInt64) -> [Float] {
      Tape.inference.addLowRank(
        to: Variable(Tensor(repeating: 0, [64, 2])), Variable(x), a: Variable(a),
        b: Variable(Tensor([1, 0, 0, 1], [2, 2])), scale: 1, runs: [0..<32, 32..<64],
        dropout: DropoutMask(probability: 0.5, key: key)
      ).value.values
    }
    #expect(run(5) == run(5))
    #expect(run(5) != run(6))
    // Runs of one call draw masks of their own.
    let values = run(5)
    #expect(values[..<64] != values[64...])
  }

  /// The memory of y is used up; that of a y that someone else holds is not touched.
  @Test func sharedMemoryIsNotWritten() {
    let y = Tensor(repeating: 1, [2, 2])
    let one = Variable(Tensor(repeating: 1, [2, 1]))
    let result = Tape.inference.addLowRank(
      to: Variable(y), one, a: Variable(Tensor([1], [1, 1])), b: Variable(Tensor([1, 1], [2, 1])),
      scale: 1, runs: [0..<2])
    #expect(result.value.values == [2, 2, 2, 2])
    #expect(y.values == [1, 1, 1, 1])
  }
}
