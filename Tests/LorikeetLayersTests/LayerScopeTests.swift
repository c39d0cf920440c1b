// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetCheckpoints
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct LayerScopeTests {
  @Test func modulesAndTensorsMayHaveOtherNames() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/model.safetensors"
      try SafetensorsFile.write(
        [
          (name: "tower.attention.query.weight", tensor: StoredTensor(.random([3, 2], seed: 1))),
          (name: "tower.attention.query.bias", tensor: StoredTensor(.random([3], seed: 2))),
        ], to: path)
      let reader = CheckpointReader(try Checkpoint(file: path))
      let index = ModuleIndex()
      let scope = LayerScope(.checkpoint(reader), index: index)
        .scoped("model", stored: "").scoped("tower")
      #expect(scope.contains("attention.query.weight"))
      let linear = scope.linear(
        "q_proj", inputs: 2, outputs: 3, bias: true, stored: "attention.query")
      try reader.finish()
      #expect(linear.name == "model.tower.q_proj")
      #expect(linear.weight.name == "tower.attention.query.weight")
      #expect(
        index.entries.map(\.modulePath) == ["model.tower.q_proj.weight", "model.tower.q_proj.bias"])
      #expect(index.linears.map(\.name) == ["model.tower.q_proj"])
      #expect(index.parameterCount == 9)
      #expect(linear.weight.variable.value.values == Tensor.random([3, 2], seed: 1).values)
    }
  }

  @Test func newWeightsDependOnSeedAndName() {
    func weight(_ name: String, _ seed: UInt64) -> [Float] {
      let scope = LayerScope(.random(seed: seed), index: ModuleIndex())
      return scope.parameter(name, [4, 4], initial: .normal(1)).variable.value.values
    }
    #expect(weight("a", 1) == weight("a", 1))
    #expect(weight("a", 1) != weight("a", 2))
    #expect(weight("a", 1) != weight("b", 1))
    let scope = LayerScope(.random(seed: 1), index: ModuleIndex())
    #expect(scope.parameter("z", [3]).variable.value.values == [0, 0, 0])
    #expect(scope.parameter("o", [2], initial: .ones).variable.value.values == [1, 1])
    #expect(!scope.contains("z"))
  }

  @Test func feedForwardBlocksInClosedForm() {
    let index = ModuleIndex()
    let scope = LayerScope(.random(seed: 3), index: index)
    let context = ForwardContext(tape: .inference, lengths: [4], modality: .text)
    let x = Variable(Tensor.random([4, 3], seed: 4))
    let tape = Tape.inference
    let gateLayer = scope.linear("gate", inputs: 3, outputs: 5, bias: true)
    let upLayer = scope.linear("up", inputs: 3, outputs: 5, bias: false)
    let gated = GatedFeedForward(
      gate: gateLayer, up: upLayer,
      down: scope.linear("down", inputs: 5, outputs: 3, bias: true), activation: .silu)
    let gate = tape.activate(tape.linear(x, gateLayer.weight, bias: gateLayer.bias), .silu)
    let up = tape.linear(x, upLayer.weight)
    let product = Variable(
      Tensor(zip(gate.value.values, up.value.values).map { $0 * $1 }, [4, 5]))
    expectClose(
      gated(x, context).value, tape.linear(product, gated.down.weight, bias: gated.down.bias).value,
      tolerance: 1e-6)
    let plain = FeedForward(
      first: gateLayer, second: gated.down, activation: .gelu)
    let inner = tape.activate(tape.linear(x, gateLayer.weight, bias: gateLayer.bias), .gelu)
    expectClose(
      plain(x, context).value, tape.linear(inner, gated.down.weight, bias: gated.down.bias).value,
      tolerance: 1e-6)
  }
}
