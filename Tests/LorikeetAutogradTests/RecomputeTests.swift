// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct RecomputeTests {
  private struct Outcome: Equatable {
    var value: [Float]
    var gradients: [[Float]?]
    var runs: Int
  }

  /// Two blocks of x -> x + silu(x W^T), the first with a frozen weight.
  private func run(recomputesBlocks: Bool, inputNeedsGradient: Bool) -> Outcome {
    let x = Variable(.random([5, 7], seed: 1), requiresGradient: inputNeedsGradient)
    let weights = [
      Parameter(name: "frozen", .random([7, 7], seed: 2)),
      Parameter(name: "trained", .random([7, 7], seed: 3), isTrainable: true),
    ]
    let tape = Tape(isRecording: true, recomputesBlocks: recomputesBlocks)
    var runs = 0
    var y = x
    for weight in weights {
      y = tape.recompute(y) { y, tape in
        runs += 1
        return tape.add(y, tape.activate(tape.linear(y, weight), .silu))
      }
    }
    tape.backward(from: y, seed: .random([5, 7], seed: 4))
    return Outcome(
      value: y.value.values,
      gradients: ([x] + weights.map(\.variable)).map { $0.gradient?.values }, runs: runs)
  }

  @Test(arguments: [true, false]) func valuesAndGradientsAreThoseOfOneRun(inputNeedsGradient: Bool)
  {
    var kept = run(recomputesBlocks: false, inputNeedsGradient: inputNeedsGradient)
    let again = run(recomputesBlocks: true, inputNeedsGradient: inputNeedsGradient)
    #expect(kept.runs == 2)
    #expect(again.runs == (inputNeedsGradient ? 4 : 3), "a block without gradients runs once")
    kept.runs = again.runs
    #expect(kept == again)
    #expect(again.gradients[2] != nil)
  }

  /// x -> 2 x + s W2 (silu(W1 x) x), with low-rank terms, dropout in them and a factor a column.
  private func block(
    _ weights: [Parameter], _ terms: [Variable], scale: Variable, dropout: DropoutMask?
  ) -> (Variable, Tape) -> Variable {
    { x, tape in
      func adapted(_ x: Variable, _ index: Int) -> Variable {
        tape.addLowRank(
          to: tape.linear(x, weights[index]), x, a: terms[2 * index], b: terms[2 * index + 1],
          scale: 0.5, runs: [0..<2, 3..<5], dropout: dropout)
      }
      let inner = tape.gated(.silu, gate: adapted(x, 0), up: x)
      let y = tape.scaledAdd(x, scale: scale, adapted(inner, 1))
      inner.forget()
      return tape.add(x, using: y)
    }
  }

  @Test(arguments: [nil, DropoutMask(probability: 0.3, key: 5)], [true, false])
  func whatLeadsToNothingIsNotComputedAgain(dropout: DropoutMask?, trainsScale: Bool) {
    /// Gradients, and how often each operator computed.
    func run(recomputesBlocks: Bool) -> (gradients: [[Float]?], calls: [String: Int]) {
      let x = Variable(.random([6, 8], seed: 1), requiresGradient: true)
      let weights = [
        Parameter(name: "frozen", .random([8, 8], seed: 2)),
        Parameter(name: "last", .random([8, 8], seed: 3)),
      ]
      let terms = (0..<4).map {
        Variable(
          .random($0 % 2 == 0 ? [2, 8] : [8, 2], seed: 4 + UInt64($0)), requiresGradient: true)
      }
      let scale = Variable(.random([8], seed: 8), requiresGradient: trainsScale)
      let profiler = Profiler()
      let tape = Tape(
        isRecording: true, recomputesBlocks: recomputesBlocks, profiler: profiler)
      let y = tape.recompute(x, block(weights, terms, scale: scale, dropout: dropout))
      tape.backward(from: y, seed: .random([6, 8], seed: 9))
      let calls = profiler.entries.map { ($0.name, $0.forward.calls) }
      return (
        ([x, scale] + terms).map { $0.gradient?.values },
        Dictionary(calls, uniquingKeysWith: +)
      )
    }
    let kept = run(recomputesBlocks: false)
    let again = run(recomputesBlocks: true)
    #expect(again.gradients == kept.gradients)
    #expect(kept.gradients.filter { $0 == nil }.count == (trainsScale ? 0 : 1))
    #expect(kept.calls["linear"] == 2 && kept.calls["addLowRank"] == 2)
    // A factor that trains needs the output of the last layer; nothing else does.
    let computed = trainsScale ? 4 : 3
    #expect(again.calls["linear"] == computed && again.calls["addLowRank"] == computed)
    #expect(again.calls["scaledAdd"] == 1 && again.calls["add"] == 1)
  }

  @Test func forgottenValuesComeBackTheSame() {
    func run(forgets: Bool) -> [[Float]?] {
      let inputs = (1...3).map {
        Variable(.random([6, 9], seed: UInt64($0)), requiresGradient: true)
      }
      let weight = Variable(.random([9], seed: 4), requiresGradient: true)
      let (a, b) = (
        Variable(.random([2, 9], seed: 5), requiresGradient: true),
        Variable(.random([9, 2], seed: 6), requiresGradient: true)
      )
      let tape = Tape(isRecording: true)
      let gated = tape.gated(.silu, gate: inputs[0], up: inputs[1])
      let normed = tape.rmsNorm(gated, weight: weight, epsilon: 1e-6)
      let y = tape.addLowRank(to: inputs[2], normed, a: a, b: b, scale: 1.5, runs: [1..<4])
      let sum = tape.add(normed, using: y)
      if forgets {
        gated.forget()
        normed.forget()
      }
      tape.backward(from: sum, seed: .random([6, 9], seed: 7))
      return (inputs + [weight, a, b]).map { $0.gradient?.values } + [normed.value.values]
    }
    #expect(run(forgets: true) == run(forgets: false))
  }
}
