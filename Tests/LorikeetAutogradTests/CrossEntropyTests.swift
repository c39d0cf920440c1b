// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAutograd
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct CrossEntropyTests {
  private func targets(_ rows: Int, below vocabulary: Int) -> [Int] {
    var stream = RandomStream(seed: 9)
    return (0..<rows).map { _ in stream.index(below: vocabulary) }
  }

  @Test(arguments: [(0, 3, 5), (1, 1, 2), (5, 17, 33), (20, 8, 67)], [UInt64(1), 2])
  func gradients(size: (rows: Int, width: Int, vocabulary: Int), seed: UInt64) {
    let hidden = Tensor.random([size.rows, size.width], seed: seed)
    let head = Tensor.random([size.vocabulary, size.width], seed: seed + 1)
    let ids = targets(size.rows, below: size.vocabulary)
    let weights = Tensor.random([size.rows], seed: seed + 2).values
    checkGradients([hidden], parameters: [head], sample: 24, seed: seed, step: 0.01, "trainable") {
      tape, x, p in
      tape.linearCrossEntropy(x[0], head: p[0], targets: ids, weights: weights).loss
    }
    let frozen = Parameter(name: "head", head)
    checkGradients([hidden], sample: 24, seed: seed, step: 0.01, "frozen") { tape, x, _ in
      tape.linearCrossEntropy(x[0], head: frozen, targets: ids, weights: weights).loss
    }
    #expect(frozen.variable.gradient == nil)
  }

  @Test func lossesAreNegativeLogProbabilities() {
    let (rows, width, vocabulary) = (300, 5, 11)  // more rows than one block of 256
    let hidden = Tensor.random([rows, width], seed: 1)
    let head = Tensor.random([vocabulary, width], seed: 2)
    let ids = targets(rows, below: vocabulary)
    let weights = Tensor.random([rows], seed: 3).values
    let result = Tape.inference.linearCrossEntropy(
      Variable(hidden), head: Parameter(name: "head", head), targets: ids, weights: weights)
    let (h, w) = (hidden.values, head.values)
    var (losses, total): ([Float], Double) = ([], 0)
    for row in 0..<rows {
      let logits = (0..<vocabulary).map { token in
        (0..<width).reduce(0.0) {
          $0 + Double(h[row * width + $1]) * Double(w[token * width + $1])
        }
      }
      let loss = log(logits.reduce(0) { $0 + exp($1) }) - logits[ids[row]]
      losses.append(Float(loss))
      total += loss * Double(weights[row])
    }
    expectClose(result.losses, losses, tolerance: 2e-6)
    expectClose([result.loss.value.scalar], [Float(total)], tolerance: 1e-5, floor: 1)
  }

  /// Logits that exist already give what their factors give, and the same gradients.
  @Test(arguments: [nil, 2.5] as [Float?]) func logitsThatExist(softCap: Float?) {
    let (rows, width, vocabulary) = (7, 5, 11)
    let values = (
      Tensor.random([rows, width], seed: 1), Tensor.random([vocabulary, width], seed: 2)
    )
    let ids = targets(rows, below: vocabulary)
    let weights = Tensor.random([rows], seed: 3).values
    func run(
      _ loss: (Tape, Variable, Parameter) -> (loss: Variable, losses: [Float])
    ) -> (Float, [Float], [Tensor?]) {
      let tape = Tape(isRecording: true)
      let x = Variable(values.0, requiresGradient: true)
      let head = Parameter(name: "head", values.1, isTrainable: true)
      let result = loss(tape, x, head)
      let total = result.loss.value.scalar
      tape.backward(from: tape.scale(result.loss, by: 3))
      return (total, result.losses, [x.gradient, head.variable.gradient])
    }
    let whole = run { tape, x, head in
      tape.linearCrossEntropy(x, head: head, targets: ids, weights: weights, softCap: softCap)
    }
    let split = run { tape, x, head in
      tape.crossEntropy(tape.linear(x, head), targets: ids, weights: weights, softCap: softCap)
    }
    #expect(whole.0 == split.0 && whole.1 == split.1)
    for (a, b) in zip(split.2, whole.2) {
      if let a, let b { expectClose(a, b, tolerance: 1e-5) } else { Issue.record("no gradient") }
    }
  }

  @Test func noRowsGiveNoLoss() {
    let result = Tape.inference.linearCrossEntropy(
      Variable(Tensor([], [0, 4])), head: Parameter(name: "head", Tensor.random([3, 4], seed: 1)),
      targets: [], weights: [])
    #expect(result.loss.value.scalar == 0)
    #expect(result.losses.isEmpty)
  }

  @Test(arguments: [DType.bfloat16, .q8_0, .q4_0]) func storedHeads(dtype: DType) {
    let stored = LinearTests.stored(dtype, [40, 64], seed: 4)
    let hidden = Tensor.random([9, 64], seed: 5)
    let ids = targets(9, below: 40)
    func run(_ head: Parameter) -> (Float, Tensor) {
      let tape = Tape(isRecording: true)
      let x = Variable(hidden, requiresGradient: true)
      let loss = tape.linearCrossEntropy(
        x, head: head, targets: ids, weights: Array(repeating: 1 / 9, count: 9)
      ).loss
      tape.backward(from: loss)
      return (loss.value.scalar, x.gradient ?? Tensor([], [0]))
    }
    let (loss, gradient) = run(Parameter(name: "h", stored))
    let (denseLoss, denseGradient) = run(Parameter(name: "h", stored.tensor()))
    expectClose([loss], [denseLoss], tolerance: 2e-6)
    expectClose(gradient, denseGradient, tolerance: 4e-6)
  }
}
