// SPDX-License-Identifier: Apache-2.0

import LorikeetTensors
import LorikeetTokenPruning
import Testing

/// What each method keeps, worked out by hand.
@Suite struct PruningTests {
  private func prune(
    _ specification: String, _ scores: [Float]? = nil, rows: Int, columns: Int, seed: UInt64 = 1
  ) throws -> PrunedTokens {
    try PruningSpecification(specification).pruner.prune(
      PruningInput(
        significance: scores, grid: (rows, columns), random: RandomStream(seed: seed)))
  }

  // 0.9  0.1  0.4
  // 0.2  0.8  0.3
  private let scores: [Float] = [0.9, 0.1, 0.4, 0.2, 0.8, 0.3]

  @Test(arguments: [
    // One sixth of 6 is 1: the best alone; then 0.8, 0.4, 0.3, ... join, in reading order.
    ("0.1666", [0]), ("0.3333", [0, 4]), ("0.5", [0, 2, 4]), ("0.6667", [0, 2, 4, 5]),
    ("1", [0, 1, 2, 3, 4, 5]),
    // Rounded to the nearest whole number: 2.4 and 2.58 patches.
    ("0.4", [0, 4]), ("0.43", [0, 2, 4]),
    // However small the share, one is left.
    ("0.001", [0]), ("1e-300", [0]),
  ])
  func rankKeepsTheLargestInReadingOrder(ratio: String, kept: [Int]) throws {
    let pruned = try prune("fopru-rank:\(ratio)", scores, rows: 2, columns: 3)
    #expect(pruned.kept == kept)
    #expect(pruned.mixing == nil)
  }

  @Test(arguments: [
    // Row sums 3, 5, 4 (rows of two): the second row first, then the third.
    ("0.3", [2, 3]), ("0.5", [2, 3, 4, 5]), ("0.67", [2, 3, 4, 5]), ("1", [0, 1, 2, 3, 4, 5]),
    ("0.01", [2, 3]),
  ])
  func rowKeepsWholeRowsOfTheLargestSums(ratio: String, kept: [Int]) throws {
    // The largest single score is in the row with the smallest sum.
    let scores: [Float] = [2.9, 0.1, 2.5, 2.5, 2, 2]
    #expect(try prune("fopru-row:\(ratio)", scores, rows: 3, columns: 2).kept == kept)
  }

  @Test func ofEqualScoresTheFirstIsKept() throws {
    let flat = [Float](repeating: 0.25, count: 8)
    #expect(try prune("fopru-rank:0.5", flat, rows: 2, columns: 4).kept == [0, 1, 2, 3])
    #expect(try prune("fopru-row:0.5", flat, rows: 4, columns: 2).kept == [0, 1, 2, 3])
    // 0.5 and 0.5: the tie is inside; the one clear winner and the first of the two are kept.
    let tied: [Float] = [0.1, 0.5, 0.2, 0.5, 0.9, 0.1, 0.1, 0.1]
    #expect(try prune("fopru-rank:0.25", tied, rows: 2, columns: 4).kept == [1, 4])
  }

  @Test func keptSharesAgreeWithSorting() throws {
    var random = RandomStream(seed: 5)
    for (rows, columns) in [(1, 1), (1, 7), (5, 1), (4, 4), (16, 16)] {
      let scores = (0..<rows * columns).map { _ in random.uniform() }
      for percent in [1, 10, 25, 33, 50, 75, 99, 100] {
        let share = Double(percent) / 100
        let count = max(1, Int((share * Double(scores.count)).rounded()))
        let threshold = scores.sorted(by: >)[count - 1]
        let expected = scores.indices.filter { scores[$0] >= threshold }
        let kept = try prune("fopru-rank:\(share)", scores, rows: rows, columns: columns).kept
        #expect(kept == expected)
        for method in ["random", "uniform"] {
          let control = try prune("\(method):\(share)", rows: rows, columns: columns).kept
          #expect(control.count == count)
          #expect(control == Set(control).sorted())
          #expect(control.allSatisfy(scores.indices.contains))
        }
      }
    }
  }

  @Test func onePatchIsAlwaysKept() throws {
    for method in ["fopru-rank:0.1", "fopru-row:0.1", "random:0.1", "uniform:0.1", "pool:3"] {
      #expect(try prune(method, [0.5], rows: 1, columns: 1).kept == [0])
    }
  }

  @Test func uniformKeepsEqualDistances() throws {
    // Steps of 2 and of 4, taken from the middle of each.
    #expect(try prune("uniform:0.5", rows: 2, columns: 4).kept == [1, 3, 5, 7])
    #expect(try prune("uniform:0.25", rows: 2, columns: 4).kept == [2, 6])
    #expect(try prune("uniform:1", rows: 2, columns: 2).kept == [0, 1, 2, 3])
  }

  @Test func randomFollowsItsSeed() throws {
    let draws = try (0..<20).map {
      try prune("random:0.5", rows: 4, columns: 4, seed: UInt64($0)).kept
    }
    #expect(try draws[3] == prune("random:0.5", rows: 4, columns: 4, seed: 3).kept)
    #expect(Set(draws).count > 15)
    // Every patch has its turn.
    #expect(Set(draws.flatMap { $0 }).count == 16)
  }

  @Test func poolAveragesWindows() throws {
    // Windows of 2 x 2 over 3 x 3: 4, 2, 2 and 1 patches.
    let pruned = try prune("pool:2", rows: 3, columns: 3)
    #expect(pruned.kept == [0, 2, 6, 8])
    let mixing = try #require(pruned.mixing)
    #expect(mixing.shape == [4, 9])
    #expect(mixing.rows(0..<1).values == [0.25, 0.25, 0, 0.25, 0.25, 0, 0, 0, 0])
    #expect(mixing.rows(1..<2).values == [0, 0, 0.5, 0, 0, 0.5, 0, 0, 0])
    #expect(mixing.rows(2..<3).values == [0, 0, 0, 0, 0, 0, 0.5, 0.5, 0])
    #expect(mixing.rows(3..<4).values == [0, 0, 0, 0, 0, 0, 0, 0, 1])
  }

  @Test(arguments: [
    ("fopru-rank:0", "above 0 and up to 1"), ("fopru-row:1.01", "above 0 and up to 1"),
    ("random:-0.5", "above 0 and up to 1"), ("uniform:nan", "METHOD:NUMBER"),
    ("uniform:inf", "METHOD:NUMBER"), ("pool:0", "the side of a window"),
    ("pool:1.5", "the side of a window"), ("pool:1e9", "the side of a window"),
    ("fopru:0.5", "unknown method; methods: fopru-rank, fopru-row"),
    ("fopru-rank", "METHOD:NUMBER"), ("fopru-rank:", "METHOD:NUMBER"), ("", "METHOD:NUMBER"),
    ("fopru-rank:half", "METHOD:NUMBER"),
  ])
  func specificationsOutOfRangeAreRefused(text: String, cause: String) throws {
    let error = #expect(throws: PruningError.self) { try PruningSpecification(text) }
    #expect(error?.description.contains(cause) == true, "\(error?.description ?? "")")
  }

  @Test func specificationsKnowWhatTheyNeed() throws {
    let needy = try ["fopru-rank:0.5", "fopru-row:0.5", "random:0.5", "uniform:0.5", "pool:2"]
      .map { try PruningSpecification($0) }
    #expect(needy.map(\.needsSignificance) == [true, true, false, false, false])
    #expect(needy.map(\.isDeterministic) == [true, true, false, true, true])
    #expect(needy[0].description == "fopru-rank:0.5")
  }
}
