// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct TapeTests {
  @Test func gradientsOfSharedInputsAddUp() {
    // y = (x + x) + 3 x: dy/dx = 5
    let tape = Tape(isRecording: true)
    let x = Variable(Tensor([1, 2], [1, 2]), requiresGradient: true)
    let y = tape.add(tape.add(x, x), tape.scale(x, by: 3))
    #expect(y.value.values == [5, 10])
    tape.backward(from: y)
    #expect(x.gradient?.values == [5, 5])
    #expect(y.gradient == nil)
  }

  @Test func gradientsAddUpOverPassesUntilTheyAreCleared() {
    let x = Variable(Tensor([1, 2], [2]), requiresGradient: true)
    for _ in 0..<2 {
      let tape = Tape(isRecording: true)
      tape.backward(from: tape.scale(x, by: 2), seed: Tensor([1, 10], [2]))
    }
    #expect(x.gradient?.values == [4, 40])
    x.clearGradient()
    #expect(x.gradient == nil)
  }

  @Test func inferenceKeepsNothing() {
    let x = Variable(Tensor([1], [1]), requiresGradient: true)
    let tape = Tape.inference
    let y = tape.scale(x, by: 2)
    #expect(!y.requiresGradient)
    tape.backward(from: y)
    #expect(x.gradient == nil)
  }

  @Test func frozenInputsGetNoGradient() {
    let tape = Tape(isRecording: true)
    let x = Variable(Tensor([1], [1]), requiresGradient: true)
    let frozen = Variable(Tensor([2], [1]))
    tape.backward(from: tape.add(x, frozen))
    #expect(x.gradient?.values == [1])
    #expect(frozen.gradient == nil)
    let constant = tape.add(frozen, frozen)
    #expect(!constant.requiresGradient)
  }

  @Test func parametersStayStoredUntilTheyAreAskedFor() {
    let half: [UInt8] = [0, 0x3C, 0, 0xC0]  // binary16: 1, -2
    let stored = half.withUnsafeBytes {
      StoredTensor(dtype: .float16, shape: [1, 2], storage: Storage(copying: $0), bytes: 0..<4)
    }
    let parameter = Parameter(name: "w", stored)
    #expect(!parameter.isTrainable)
    parameter.isTrainable = false
    #expect(parameter.stored.dtype == .float16)
    #expect(parameter.matrix.tensor.values == [1, -2])
    #expect(parameter.stored.dtype == .float16)
    parameter.isTrainable = true
    #expect(parameter.variable.requiresGradient)
    #expect(parameter.stored.dtype == .float32)
    #expect(parameter.variable.value.values == [1, -2])
    parameter.replace(with: Tensor([3, 4], [1, 2]))
    #expect(parameter.stored.tensor().values == [3, 4])
    #expect(parameter.isTrainable)
  }
}
