// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTensors
import Synchronization
import Testing

@Suite struct ThreadPoolTests {
  /// How often each index was run.
  private final class Tally: Sendable {
    private let counts: Mutex<[Int]>
    init(_ count: Int) { counts = Mutex(Array(repeating: 0, count: count)) }
    func add(_ index: Int) { counts.withLock { $0[index] += 1 } }
    var values: [Int] { counts.withLock { $0 } }
  }

  @Test(arguments: [1, 2, 3, 8], [0, 1, 2, 7, 1000])
  func everyIndexRunsOnce(threads: Int, count: Int) {
    let pool = ThreadPool(threads: threads)
    let tally = Tally(count)
    pool.run(count) { tally.add($0) }
    #expect(tally.values == Array(repeating: 1, count: count))
  }

  @Test func nestedLoopsRunEveryIndexOnce() {
    let pool = ThreadPool(threads: 4)
    let tally = Tally(20 * 30)
    pool.run(20) { outer in pool.run(30) { tally.add(outer * 30 + $0) } }
    #expect(tally.values == Array(repeating: 1, count: 600))
  }

  @Test func nestedLoopsStayInTheirThread() {
    let pool = ThreadPool(threads: 3)
    let strays = Atomic<Int>(0)
    pool.run(6) { _ in
      let outer = pthread_self()
      pool.run(10) { _ in
        if pthread_equal(outer, pthread_self()) == 0 {
          strays.add(1, ordering: .relaxed)
        }
      }
    }
    #expect(strays.load(ordering: .relaxed) == 0)
  }

  /// Waiting for each other, two bodies can end only in two threads.
  @Test func twoBodiesRunSideBySide() {
    let pool = ThreadPool(threads: 2)
    let arrived = Atomic<Int>(0)
    let late = ContinuousClock.now + .seconds(30)
    pool.run(2) { _ in
      arrived.add(1, ordering: .sequentiallyConsistent)
      while arrived.load(ordering: .sequentiallyConsistent) < 2, ContinuousClock.now < late {
        sched_yield()
      }
    }
    #expect(ContinuousClock.now < late)
  }

  @Test func manySmallLoopsAddUp() {
    let pool = ThreadPool(threads: 4)
    let sum = Atomic<Int>(0)
    for round in 0..<20_000 {
      pool.run(3) { sum.add($0 + round % 2, ordering: .relaxed) }
    }
    #expect(sum.load(ordering: .relaxed) == 20_000 * 3 + 10_000 * 3)
  }

  @Test func sleepingThreadsWakeUp() {
    let pool = ThreadPool(threads: 2)
    for _ in 0..<20 {
      usleep(2000)
      let arrived = Atomic<Int>(0)
      let late = ContinuousClock.now + .seconds(30)
      pool.run(2) { _ in
        arrived.add(1, ordering: .sequentiallyConsistent)
        while arrived.load(ordering: .sequentiallyConsistent) < 2, ContinuousClock.now < late {
          sched_yield()
        }
      }
      #expect(ContinuousClock.now < late)
    }
  }

  @Test func severalCallersShareThePool() async {
    let pool = ThreadPool(threads: 3)
    let totals = await withTaskGroup(of: Int.self) { group in
      for caller in 0..<6 {
        group.addTask {
          let sum = Atomic<Int>(0)
          for _ in 0..<500 { pool.run(5) { sum.add($0 * (caller + 1), ordering: .relaxed) } }
          return sum.load(ordering: .relaxed) / (caller + 1)
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(totals == Array(repeating: 5000, count: 6))
  }

  @Test(arguments: [(0, 1), (1, 10), (9, 10), (10, 3), (1001, 7), (5, 0)])
  func rowRangesCoverAllRowsOnce(count: Int, grain: Int) {
    let pool = ThreadPool(threads: 3)
    let tally = Tally(count)
    let short = Atomic<Int>(0)
    pool.parallelRows(count, grain: grain) { range in
      if range.count < min(grain, count) { short.add(1, ordering: .relaxed) }
      for index in range { tally.add(index) }
    }
    #expect(tally.values == Array(repeating: 1, count: count))
    #expect(short.load(ordering: .relaxed) == 0)
  }

  @Test func partsAreContiguousAndEven() {
    let parts = (0..<4).map { ThreadPool.part($0, of: 4, count: 10) }
    #expect(parts == [0..<3, 3..<6, 6..<8, 8..<10])
  }

  @Test func theSharedPoolKeepsItsSize() {
    let threads = ThreadPool.shared.threads
    #expect(threads >= 1)
    #expect(!ThreadPool.configure(threads: threads + 1))
    #expect(!ThreadPool.configure(threads: 0))
    #expect(ThreadPool.shared.threads == threads)
  }

  #if os(Linux)
    /// A worker that is woken elsewhere than where it slept may run everywhere again.
    @Test func wokenThreadsKeepTheirProcessors() {
      @Sendable func processors() -> String {
        let status = try? String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)
        return status?.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") }.map(
          String.init)
          ?? "unknown"
      }
      let pool = ThreadPool(threads: 3)
      let all = processors()
      let seen = Mutex<[Int: String]>([:])
      for round in 0..<20 {
        // Longer than threads wait busily.
        usleep(1000)
        pool.run(3) { index in
          usleep(200)
          let own = processors()
          seen.withLock { $0[round * 3 + index] = own }
        }
      }
      #expect(seen.withLock { $0.count == 60 && $0.values.allSatisfy { $0 == all } })
    }
  #endif
}
