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

  /// Joins samples that share a key, then those whose pictures look alike.
  ///
  /// The likest pairs join first; a join that would make a group of more than `limit` is left out,
  /// so that a chain of likenesses cannot swallow a class.
  ///
  /// - Parameters:
  ///   - keys: the keys of each sample.
  ///   - signatures: what each picture looks like; nil for a sample without one.
  ///   - series: for each sample the series it belongs to, such as its directory: inside one, `near`
  ///     bits may differ, elsewhere `far`.
  ///   - limit: the largest group that likeness may make.
  /// - Returns: for each sample the number of its group.
  /// - Complexity: quadratic in the number of pictures.
  public static func groups(
    keys: [[String]], signatures: [PictureSignature?], series: [String], near: Int = 44,
    far: Int = 20, limit: Int = 16
  ) -> [Int] {
    let first = groups(keys: keys)
    var sets = DisjointSets(count: keys.count)
    var sizes = [Int](repeating: 1, count: keys.count)
    func join(_ a: Int, _ b: Int, limit: Int) {
      let (a, b) = (sets.find(a), sets.find(b))
      guard a != b, sizes[a] + sizes[b] <= limit else { return }
      sizes[min(a, b)] += sizes[max(a, b)]
      sets.join(a, b)
    }
    var leaders: [Int: Int] = [:]
    for (index, group) in first.enumerated() {
      if let leader = leaders[group] {
        join(leader, index, limit: .max)
      } else {
        leaders[group] = index
      }
    }
    var pairs: [(distance: Int, a: Int, b: Int)] = []
    for a in signatures.indices {
      guard let one = signatures[a] else { continue }
      for b in signatures.indices.dropFirst(a + 1) where first[a] != first[b] {
        guard let distance = signatures[b]?.distance(to: one) else { continue }
        if distance <= (series[a] == series[b] ? near : far) { pairs.append((distance, a, b)) }
      }
    }
    for pair in pairs.sorted(by: { ($0.distance, $0.a, $0.b) < ($1.distance, $1.a, $1.b) }) {
      join(pair.a, pair.b, limit: limit)
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
