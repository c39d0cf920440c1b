// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

extension Dataset {
  /// Divides the set into `train`, `validation` and `test`, the same way for the same seed.
  ///
  /// Groups stay whole. Labels are spread evenly as far as groups allow: label by label, the rarest
  /// first, the largest group goes to the split that is furthest below its share, and what a label
  /// leaves over or owes is carried to the next. Each label keeps at least its largest group in
  /// `train`.
  ///
  /// - Parameters:
  ///   - validation: the share of the samples for validation, in `0 ..< 1`.
  ///   - test: the share for testing, in `0 ..< 1`; both together below 1.
  ///   - groups: for each sample the number of its group, as `NearDuplicates.groups` gives them;
  ///     when nil, samples of one picture form a group.
  /// - Returns: the same samples in the same order with their `split` set.
  /// - Throws: `DatasetError.invalid` for shares out of range or a wrong count of groups.
  public func splitting(
    validation: Double, test: Double, seed: UInt64, groups: [Int]? = nil
  ) throws(DatasetError) -> Dataset {
    guard validation >= 0, test >= 0, validation + test < 1 else {
      throw .invalid(
        what: "split", value: "validation \(validation), test \(test)",
        expected: "shares of at least 0 that leave something to train on")
    }
    let groups = groups ?? NearDuplicates.samePicture(samples)
    guard groups.count == samples.count else {
      throw .invalid(
        what: "groups", value: "\(groups.count)",
        expected: "one for each of \(samples.count) samples")
    }
    let assigned = SplitAssignment.assign(
      labels: samples.map { $0.label ?? "" }, groups: groups,
      shares: [1 - validation - test, validation, test], seed: seed)
    var result = samples
    for index in result.indices {
      result[index].split = ["train", "validation", "test"][assigned[index]]
    }
    return Dataset(name: name, directory: directory, samples: result)
  }
}

/// Spreads groups of samples over splits.
enum SplitAssignment {
  /// - Returns: for each sample the index of its split in `shares`.
  static func assign(
    labels: [String], groups: [Int], shares: [Double], seed: UInt64
  ) -> [Int] {
    var members: [Int: [Int]] = [:]
    for (index, group) in groups.enumerated() { members[group, default: []].append(index) }

    // A group counts for the label that most of its members have.
    var byLabel: [String: [[Int]]] = [:]
    for group in members.keys.sorted() {
      let indices = members[group] ?? []
      let counts = indices.reduce(into: [String: Int]()) { $0[labels[$1], default: 0] += 1 }
      let most = counts.max { ($0.value, $1.key) < ($1.value, $0.key) }
      byLabel[most?.key ?? "", default: []].append(indices)
    }

    func size(_ label: String) -> Int { byLabel[label]?.reduce(0) { $0 + $1.count } ?? 0 }
    let order = byLabel.keys.sorted { (size($0), $0) < (size($1), $1) }
    var carried = shares.map { _ in 0.0 }
    var result = [Int](repeating: 0, count: groups.count)
    for label in order {
      var parts = byLabel[label] ?? []
      var random = RandomStream.derive(seed: seed, label: "split " + label)
      random.shuffle(&parts)
      // Swift's sort is stable: groups of one size stay in their shuffled order.
      parts.sort { $0.count > $1.count }
      let total = Double(size(label))
      var open = zip(shares, carried).map { $0 * total + $1 }
      for (rank, part) in parts.enumerated() {
        let best =
          rank == 0
          ? 0 : open.indices.max { open[$0] < open[$1] || (open[$0] == open[$1] && $0 > $1) } ?? 0
        open[best] -= Double(part.count)
        for index in part { result[index] = best }
      }
      carried = open
    }
    return result
  }
}
