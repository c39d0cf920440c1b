// SPDX-License-Identifier: Apache-2.0

import LorikeetDatasets
import Testing

@Suite struct DatasetSplittingTests {
  /// `counts` samples of each label, by name.
  private func set(_ counts: [String: Int]) -> Dataset {
    let samples = counts.keys.sorted().flatMap { label in
      (0..<(counts[label] ?? 0)).map { Sample(id: "\(label)\($0)", label: label) }
    }
    return Dataset(name: "set", directory: "", samples: samples)
  }

  @Test func everyLabelHasItsShare() throws {
    let split = try set(["a": 100, "b": 40, "c": 60])
      .splitting(validation: 0.1, test: 0.2, seed: 3)
    for (label, count) in [("a", 100), ("b", 40), ("c", 60)] {
      let counts = split.filter { $0.label == label }.splitCounts
      #expect(
        counts == [
          "train": count * 7 / 10, "validation": count / 10, "test": count / 5,
        ])
    }
  }

  @Test func sharesOfRareLabelsAddUp() throws {
    let many = Dictionary(uniqueKeysWithValues: (0..<20).map { ("l\($0)", 3) })
    let split = try set(many).splitting(validation: 0.1, test: 0.1, seed: 0)
    #expect(split.splitCounts == ["train": 48, "validation": 6, "test": 6])
    // Each label can be learned.
    #expect(split.split("train").labels.count == 20)
  }

  @Test func dependsOnTheSeedAlone() throws {
    let data = set(["a": 50, "b": 50])
    let first = try data.splitting(validation: 0.2, test: 0.2, seed: 7)
    #expect(try data.splitting(validation: 0.2, test: 0.2, seed: 7).samples == first.samples)
    #expect(try data.splitting(validation: 0.2, test: 0.2, seed: 8).samples != first.samples)
    #expect(first.samples.map(\.id) == data.samples.map(\.id))
  }

  @Test(arguments: 0..<5) func groupsStayWhole(seed: UInt64) throws {
    let data = set(["a": 120, "b": 80])
    // Groups of 1 to 7 samples, some of both labels.
    let groups = (0..<200).map { $0 * $0 % 71 }
    let split = try data.splitting(validation: 0.15, test: 0.15, seed: seed, groups: groups)
    var side: [Int: String] = [:]
    for (sample, group) in zip(split.samples, groups) {
      #expect(side[group] ?? sample.split == sample.split)
      side[group] = sample.split
    }
    #expect(abs((split.splitCounts["validation"] ?? 0) - 30) <= 4)
    #expect(abs((split.splitCounts["test"] ?? 0) - 30) <= 4)
  }

  @Test func captionsOfOnePictureStayTogether() throws {
    let samples = (0..<60).map { Sample(id: "\($0)", imagePath: "/p\($0 / 3).png") }
    let split = try Dataset(name: "", directory: "", samples: samples)
      .splitting(validation: 0.3, test: 0, seed: 1)
    for picture in 0..<20 {
      #expect(Set(split.samples[picture * 3..<picture * 3 + 3].map(\.split)).count == 1)
    }
    #expect(split.splitCounts == ["train": 42, "validation": 18])
  }

  @Test(arguments: [(-0.1, 0.1), (0.5, 0.5), (.nan, 0), (0, .infinity)])
  func refusesShares(validation: Double, test: Double) throws {
    #expect(throws: DatasetError.self) {
      try set(["a": 3]).splitting(validation: validation, test: test, seed: 0)
    }
  }

  @Test func refusesTooFewGroups() throws {
    let error = #expect(throws: DatasetError.self) {
      try set(["a": 3]).splitting(validation: 0.1, test: 0.1, seed: 0, groups: [1])
    }
    #expect(error?.description == "groups: 1, expected one for each of 3 samples")
  }
}
