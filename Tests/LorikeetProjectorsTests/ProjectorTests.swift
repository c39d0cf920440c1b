// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetLayers
import LorikeetProjectors
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct ProjectorTests {
  private let context = ForwardContext(tape: .inference, lengths: [4], modality: .image)

  @Test(arguments: [true, false]) func linear(bias: Bool) {
    let index = ModuleIndex()
    let projector = LinearProjector(
      LayerScope(.random(seed: 1), index: index).scoped("model").scoped("projector"), inputs: 3,
      outputs: 5, bias: bias)
    #expect(index.linears.map(\.name) == ["model.projector.linear"])
    #expect(index.entries.count == (bias ? 2 : 1))
    let x = Variable(Tensor.random([4, 3], seed: 2))
    expectClose(
      projector(x, context).value,
      Tape.inference.linear(x, projector.linear.weight, bias: projector.linear.bias).value,
      tolerance: 0)
  }

  @Test(arguments: [Activation.gelu, .silu]) func mlp(activation: Activation) {
    let index = ModuleIndex()
    let projector = MLPProjector(
      LayerScope(.random(seed: 1), index: index).scoped("multi_modal_projector"), inputs: 3,
      outputs: 5, activation: activation, bias: true)
    #expect(
      index.entries.map(\.modulePath)
        == ["linear_1.weight", "linear_1.bias", "linear_2.weight", "linear_2.bias"].map {
          "multi_modal_projector." + $0
        })
    #expect(projector.second.inputs == 5)
    for linear in index.linears {
      linear.bias?.replace(with: Tensor.random([5], seed: 8))
    }
    let tape = Tape.inference
    let x = Variable(Tensor.random([4, 3], seed: 2))
    let inner = tape.activate(
      tape.linear(x, projector.first.weight, bias: projector.first.bias), activation)
    expectClose(
      projector(x, context).value,
      tape.linear(inner, projector.second.weight, bias: projector.second.bias).value,
      tolerance: 1e-6)
  }

  @Test func gradientsReachFeaturesAndWeights() {
    let projector = MLPProjector(
      LayerScope(.random(seed: 1), index: ModuleIndex()), inputs: 3, outputs: 5, activation: .gelu,
      bias: true)
    checkGradients([.random([4, 3], seed: 2)]) { tape, x, _ in
      projector(x[0], ForwardContext(tape: tape, lengths: [4], modality: .image))
    }
    for parameter in [projector.first, projector.second].flatMap({ [$0.weight, $0.bias] }) {
      parameter?.isTrainable = true
    }
    let tape = Tape(isRecording: true)
    let y = projector(
      Variable(Tensor.random([4, 3], seed: 2)),
      ForwardContext(tape: tape, lengths: [4], modality: .image))
    tape.backward(from: y)
    // The last bias moves every row by itself.
    #expect(projector.second.bias?.variable.gradient?.values == [4, 4, 4, 4, 4])
    #expect(projector.first.weight.variable.gradient != nil)
  }
}
