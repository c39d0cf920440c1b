// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTraining
import Testing

/// The factors of transformers' `get_linear_schedule_with_warmup` and `get_cosine_schedule_with_warmup`
/// agree from the end of the warm-up on. In the warm-up theirs is step / warm-up, so that the first
/// step does nothing; here it is (step + 1) / warm-up.
@Suite struct LearningRateScheduleTests {
  @Test func decayIsThatOfTransformers() {
    let (warmup, steps) = (3, 17)
    let linear = LearningRateSchedule(.linear, warmupSteps: warmup, steps: steps)
    let cosine = LearningRateSchedule(.cosine, warmupSteps: warmup, steps: steps)
    for step in warmup...steps {
      // lr_lambda of get_linear_schedule_with_warmup.
      let expected = max(0, Double(steps - step) / Double(max(1, steps - warmup)))
      #expect(abs(linear.factor(at: step) - expected) < 1e-12)
      // lr_lambda of get_cosine_schedule_with_warmup with num_cycles 0.5.
      let progress = Double(step - warmup) / Double(max(1, steps - warmup))
      let wave = max(0, 0.5 * (1 + cos(Double.pi * 0.5 * 2 * progress)))
      #expect(abs(cosine.factor(at: step) - wave) < 1e-12)
    }
    // Values that torch prints for these arguments at step 10.
    #expect(abs(linear.factor(at: 10) - 0.5) < 1e-12)
    #expect(abs(cosine.factor(at: 10) - 0.5) < 1e-12)
  }

  @Test(arguments: LearningRateSchedule.Kind.allCases)
  func warmUpRisesFromOneStepToAll(kind: LearningRateSchedule.Kind) {
    let schedule = LearningRateSchedule(kind, warmupSteps: 4, steps: 10)
    #expect((0..<4).map { schedule.factor(at: $0) } == [0.25, 0.5, 0.75, 1])
    #expect(schedule.factor(at: 4) == 1)
    #expect(LearningRateSchedule(kind, warmupSteps: 0, steps: 10).factor(at: 0) == 1)
  }

  @Test func nothingFallsBelowZeroOrDividesByIt() {
    #expect(LearningRateSchedule(.linear, warmupSteps: 0, steps: 5).factor(at: 9) == 0)
    #expect(LearningRateSchedule(.cosine, warmupSteps: 5, steps: 5).factor(at: 5).isFinite)
    #expect(LearningRateSchedule(.constant, warmupSteps: 2, steps: 5).factor(at: 100) == 1)
  }
}
