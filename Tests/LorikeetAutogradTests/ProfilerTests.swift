// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite(.serialized) struct ProfilerTests {
  private func weight(trained: Bool) -> Parameter {
    Parameter(name: "w", Tensor(repeating: 0.5, [7, 5]), isTrainable: trained)
  }

  @Test func operatorsAreNamedAndCounted() throws {
    let profiler = Profiler(section: "first")
    let tape = Tape(isRecording: true, profiler: profiler)
    let x = Variable(Tensor(repeating: 1, [3, 5]), requiresGradient: true)
    let y = tape.linear(x, weight(trained: true))
    profiler.section = "second"
    let z = tape.scale(tape.add(y, y), by: 2)
    tape.backward(from: z)
    #expect(profiler.entries.map(\.section) == ["first", "second", "second"])
    #expect(profiler.entries.map(\.name) == ["linear", "add", "scale"])
    #expect(profiler.entries.allSatisfy { $0.forward.calls == 1 && $0.backward.calls == 1 })
    #expect(profiler.entries.allSatisfy { $0.forward.seconds > 0 && $0.backward.seconds > 0 })
    #expect(x.gradient?.values == Array(repeating: 14, count: 15))
  }

  @Test func timeBetweenReportsIsAllGiven() throws {
    let profiler = Profiler()
    let tape = Tape(isRecording: true, profiler: profiler)
    let x = Variable(Tensor(repeating: 1, [300, 200]), requiresGradient: true)
    let passed = ContinuousClock().measure {
      profiler.restart()
      var y = x
      for _ in 0..<20 { y = tape.scale(y, by: 0.5) }
      profiler.mark("rest")
      tape.backward(from: y)
    }
    let sum = profiler.entries.reduce(0) { $0 + $1.forward.seconds + $1.backward.seconds }
    #expect(sum <= passed / .seconds(1))
    #expect(sum > 0.5 * (passed / .seconds(1)))
    #expect(profiler.entries.map(\.name) == ["scale", "rest"])
    #expect(profiler.entries[0].forward.calls == 20)
  }

  @Test func aProfilerChangesNoGradient() {
    func gradient(_ profiler: Profiler?) -> [Float]? {
      let tape = Tape(isRecording: true, profiler: profiler)
      let x = Variable(Tensor([1, -2, 3, 4], [2, 2]), requiresGradient: true)
      tape.backward(from: tape.activate(tape.scale(x, by: 3), .silu))
      return x.gradient?.values
    }
    #expect(gradient(nil) == gradient(Profiler()))
  }
}
