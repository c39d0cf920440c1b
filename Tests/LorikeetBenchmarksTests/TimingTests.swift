// SPDX-License-Identifier: Apache-2.0

import LorikeetBenchmarks
import LorikeetTensors
import Testing

@Suite struct TimingTests {
  /// As numpy.quantile gives them.
  @Test func quantilesLieBetweenSamples() {
    let timing = Timing(samples: [4, 1, 3, 2])
    #expect(timing.median == 2.5)
    #expect(timing.least == 1)
    #expect(timing.most == 4)
    #expect(timing.quantile(0.25) == 1.75)
    #expect(Timing(samples: [7]).quantile(0.75) == 7)
    #expect(timing.divided(by: 2).median == 1.25)
  }

  @Test func warmUpRunsAreNotCounted() {
    var calls = 0
    let timing = Repetitions(warmUp: 2, count: 3).time { calls += 1 }
    #expect(calls == 5)
    #expect(timing.samples.count == 3)
    #expect(Repetitions(warmUp: 0, count: 0).count == 1)
  }

  @Test func peakMemoryIsCounted() throws {
    let before = try #require(PeakMemory.bytes)
    let memory = [UInt8](repeating: 1, count: 64 << 20)
    #expect(try #require(PeakMemory.bytes) >= before)
    #expect(try #require(PeakMemory.bytes) >= 64 << 20)
    #expect(memory.last == 1)
  }

  @Test func theMachineHasLimits() {
    let limits = MachineLimits.measure()
    #expect(limits.operations > 1e8 && limits.operationsOneThread > 1e8)
    #expect(limits.bandwidth > 1e7 && limits.bandwidthOneThread > 1e7)
    #expect(limits.line.pairs.map(\.key).prefix(3) == ["work", "processor", "instruction_set"])
  }
}
