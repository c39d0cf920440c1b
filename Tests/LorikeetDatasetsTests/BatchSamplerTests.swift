// SPDX-License-Identifier: Apache-2.0

import LorikeetDatasets
import Testing

@Suite struct BatchSamplerTests {
  @Test func eachEpochHasEverySampleOnce() throws {
    var sampler = try BatchSampler(count: 23, batchSize: 5, seed: 1)
    var orders: [[Int]] = []
    for epoch in 0..<3 {
      var order: [Int] = []
      for batch in 0..<sampler.batchesPerEpoch {
        let next = sampler.next()
        #expect(next.epoch == epoch)
        #expect(next.indices.count == (batch < 4 ? 5 : 3))
        order += next.indices
      }
      #expect(order.sorted() == Array(0..<23))
      #expect(order == sampler.batches(epoch: epoch).flatMap { $0 })
      orders.append(order)
    }
    #expect(Set(orders).count == 3)
  }

  @Test func theSeedDecidesTheOrder() throws {
    func order(_ seed: UInt64) throws -> [[Int]] {
      try BatchSampler(count: 40, batchSize: 8, seed: seed).batches(epoch: 2)
    }
    #expect(try order(4) == order(4))
    #expect(try order(4) != order(5))
  }

  @Test(arguments: [false, true]) func resumesWhereItWas(crosses: Bool) throws {
    let options = BatchSampler.Options(crossesEpochs: crosses)
    var whole = try BatchSampler(count: 17, batchSize: 4, seed: 9, options: options)
    for _ in 0..<12 {
      var resumed = try BatchSampler(
        count: 17, batchSize: 4, seed: 9, options: options, position: whole.position)
      let (a, b) = (whole.next(), resumed.next())
      #expect(a.epoch == b.epoch && a.indices == b.indices)
    }
  }

  @Test func fillsTheLastBatchOnlyWhenAsked() throws {
    var crossing = try BatchSampler(
      count: 5, batchSize: 3, seed: 0, options: .init(shuffles: false, crossesEpochs: true))
    let batches = (0..<5).map { _ in crossing.next().indices }
    #expect(batches == [[0, 1, 2], [3, 4, 0], [1, 2, 3], [4, 0, 1], [2, 3, 4]])
    var dropping = try BatchSampler(
      count: 5, batchSize: 3, seed: 0, options: .init(shuffles: false, dropsLast: true))
    #expect(dropping.batchesPerEpoch == 1)
    #expect((0..<2).map { _ in dropping.next().indices } == [[0, 1, 2], [0, 1, 2]])
    // A batch larger than the set runs through several epochs.
    var large = try BatchSampler(
      count: 2, batchSize: 5, seed: 0, options: .init(shuffles: false, crossesEpochs: true))
    #expect(large.next().indices == [0, 1, 0, 1, 0])
  }

  @Test func likeLengthsMeet() throws {
    let lengths = (0..<101).map { $0 * 37 % 101 }
    let sampler = try BatchSampler(count: 101, batchSize: 4, seed: 2, lengths: lengths)
    let batches = sampler.batches(epoch: 0)
    #expect(batches.flatMap { $0 }.sorted() == Array(0..<101))
    for batch in batches {
      let values = batch.map { lengths[$0] }
      #expect((values.max() ?? 0) - (values.min() ?? 0) <= 4)
    }
    #expect(batches.last?.count == 1)
    #expect(batches != sampler.batches(epoch: 1))
    // Not sorted from batch to batch.
    let firsts = batches.dropLast().map { lengths[$0[0]] }
    #expect(firsts != firsts.sorted(by: >))
  }

  @Test func refusesWhatCannotBeSampled() {
    #expect(throws: DatasetError.self) { try BatchSampler(count: 0, batchSize: 1, seed: 0) }
    #expect(throws: DatasetError.self) { try BatchSampler(count: 3, batchSize: 0, seed: 0) }
    #expect(throws: DatasetError.self) {
      try BatchSampler(count: 3, batchSize: 4, seed: 0, options: .init(dropsLast: true))
    }
    #expect(throws: DatasetError.self) {
      try BatchSampler(count: 3, batchSize: 1, seed: 0, lengths: [1])
    }
    #expect(throws: DatasetError.self) {
      try BatchSampler(count: 3, batchSize: 1, seed: 0, position: .init(epoch: 0, offset: 4))
    }
    #expect(throws: Never.self) {
      try BatchSampler(count: 3, batchSize: .max, seed: 0, lengths: [1, 2, 3])
    }
  }
}
