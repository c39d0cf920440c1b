// SPDX-License-Identifier: Apache-2.0

/// Groups of samples that are too alike to stand in different splits.
public enum NearDuplicates {
  /// Joins samples that share a key.
  ///
  /// - Parameter keys: the keys of each sample; a sample without keys stands alone.
  /// - Returns: for each sample the number of its group, groups numbered from 0 by first member.
  public static func groups(keys: [[String]]) -> [Int] {
    var sets = DisjointSets(count: keys.count)
    var first: [String: Int] = [:]
    for (index, list) in keys.enumerated() {
      for key in list {
        if let other = first[key] { sets.join(index, other) } else { first[key] = index }
      }
    }
    return sets.numbers()
  }

  /// Samples of one picture: the grouping that every set needs.
  public static func samePicture(_ samples: [Sample]) -> [Int] {
    groups(keys: samples.map { [$0.imagePath ?? "id " + $0.id] })
  }
}

/// Disjoint sets with path halving; the smaller index leads, so that results do not depend on order.
public struct DisjointSets: Sendable {
  private var parent: [Int]

  public init(count: Int) { parent = Array(0..<count) }

  /// The leader of a member's set.
  public mutating func find(_ index: Int) -> Int {
    var index = index
    while parent[index] != index {
      parent[index] = parent[parent[index]]
      index = parent[index]
    }
    return index
  }

  public mutating func join(_ a: Int, _ b: Int) {
    let (a, b) = (find(a), find(b))
    parent[max(a, b)] = min(a, b)
  }

  /// For each member the number of its set, numbered from 0 by first member.
  public mutating func numbers() -> [Int] {
    var number: [Int: Int] = [:]
    return parent.indices.map { index in
      let root = find(index)
      if let known = number[root] { return known }
      number[root] = number.count
      return number.count - 1
    }
  }
}
