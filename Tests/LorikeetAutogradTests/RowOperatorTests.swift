// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct RowOperatorTests {
  @Test(arguments: [1, 3, 17, 33, 67]) func rowsAreJoinedSelectedAndMixed(width: Int) {
    let (a, b) = (Tensor.random([4, width], seed: 1), Tensor.random([3, width], seed: 2))
    // One source twice with rows in common, an empty piece, a whole source.
    checkGradients([a, b], sample: 40, "joinRows") { tape, x, _ in
      tape.joinRows(
        [(x[0], 1..<3), (x[1], 0..<3), (x[0], 2..<2), (x[0], 0..<4), (x[0], 2..<3)], width: width)
    }
    checkGradients([a], sample: 40, "selectRows") { tape, x, _ in
      tape.selectRows(x[0], [3, 0, 3, 3, 1])
    }
    checkGradients([a], sample: 40, "selectRows") { tape, x, _ in tape.selectRows(x[0], []) }
    let matrix = Tensor.random([5, 4], seed: 3)
    checkGradients([a], sample: 40, "mixRows") { tape, x, _ in tape.mixRows(x[0], by: matrix) }
    checkGradients([], parameters: [a], sample: 40, "embed") { tape, _, p in
      tape.embed(p[0], [2, 2, 0, 3, 2])
    }
    checkGradients([], parameters: [a], sample: 40, "embed") { tape, _, p in tape.embed(p[0], []) }
  }

  @Test func valuesInClosedForm() {
    let tape = Tape.inference
    let a = Variable(Tensor([1, 2, 3, 4], [2, 2]))
    let b = Variable(Tensor([5, 6], [1, 2]))
    let joined = tape.joinRows([(a, 1..<2), (b, 0..<1), (a, 0..<2)], width: 2)
    #expect(joined.value == Tensor([3, 4, 5, 6, 1, 2, 3, 4], [4, 2]))
    #expect(tape.selectRows(a, [1, 1, 0]).value == Tensor([3, 4, 3, 4, 1, 2], [3, 2]))
    let mean = tape.mixRows(a, by: Tensor([0.5, 0.5], [1, 2]))
    #expect(mean.value == Tensor([2, 3], [1, 2]))
    #expect(tape.joinRows([], width: 7).value.shape == [0, 7])
    let table = Parameter(name: "t", Tensor([1, 2, 3, 4], [2, 2]))
    #expect(tape.embed(table, [1, 0, 1]).value == Tensor([3, 4, 1, 2, 3, 4], [3, 2]))
  }

  @Test(arguments: [DType.bfloat16, .float16, .q8_0, .q4_0, .q4_1])
  func storedTablesAreLookedUp(dtype: DType) {
    let stored = LinearTests.stored(dtype, [6, 64], seed: 1)
    let found = Tape.inference.embed(Parameter(name: "t", stored), [5, 0, 5]).value
    let dense = stored.tensor()
    let expected = Kernels.gatherRows([(dense, 5..<6), (dense, 0..<1), (dense, 5..<6)], width: 64)
    #expect(found == expected)
  }

  @Test func rowBiasesActOnTheirRuns() {
    let y = Tensor.random([6, 3], seed: 1)
    let bias = Tensor.random([3], seed: 2)
    for runs in [[0..<6], [1..<2, 2..<2, 4..<6], [], [0..<0]] as [[Range<Int>]] {
      checkGradients([y, bias], "addRowBias") { tape, x, _ in
        tape.addRowBias(to: x[0], bias: x[1], scale: -0.5, runs: runs)
      }
    }
    let found = Tape.inference.addRowBias(
      to: Variable(Tensor([1, 1, 1, 1], [2, 2])), bias: Variable(Tensor([2, 4], [2])), scale: 0.5,
      runs: [1..<2])
    #expect(found.value == Tensor([1, 1, 2, 3], [2, 2]))
  }
}

extension Tensor {
  fileprivate static func == (a: Tensor, b: Tensor) -> Bool {
    a.shape == b.shape && a.values == b.values
  }
}
