// SPDX-License-Identifier: Apache-2.0

import LorikeetTraining
import Testing

@Suite struct TrainingStepTests {
  @Test(
    arguments: [
      ([], []), ([3], [0..<1]), ([0, 0], [0..<1, 1..<2]),
      // Four pictures of 288 rows go two by two, eight of 96 rows all at once.
      ([288, 288, 288, 288], [0..<2, 2..<4]), (Array(repeating: 96, count: 8), [0..<8]),
      ([2000, 10, 10], [0..<1, 1..<3]),
    ] as [([Int], [Range<Int>])])
  func samplesGoTogetherInGroupsOfLikeSize(rows: [Int], groups: [Range<Int>]) {
    #expect(TrainingStep.groups(rows) == groups)
  }
}
