// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels
internal import Foundation
internal import Synchronization

/// Threads that wait for loops to run side by side.
///
/// A loop's body must depend on its index alone, not on the thread that runs it, and different
/// indices must write to different memory; then the results are the same whoever runs what.
/// Bodies capture unsafe pointers as `nonisolated(unsafe) let`.
///
/// The caller takes part. Idle threads spin for some tens of microseconds, then sleep. A loop inside
/// a loop's body runs serially in its thread, and so does a loop that starts while the pool is busy
/// with another caller's.
package final class ThreadPool: Sendable {
  /// The number of threads, the caller's among them.
  package let threads: Int
  private let core = Core()

  /// The pool that the whole process shares.
  ///
  /// As many threads as `configure` asked for, else as the environment variable `LORIKEET_THREADS`
  /// says, else as there are processors that the process may use.
  package static let shared: ThreadPool = {
    let asked = requested.exchange(-1, ordering: .sequentiallyConsistent)
    if asked > 0 { return ThreadPool(threads: asked) }
    if let text = ProcessInfo.processInfo.environment["LORIKEET_THREADS"], let count = Int(text),
      count > 0
    {
      return ThreadPool(threads: count)
    }
    return ThreadPool(threads: ProcessInfo.processInfo.activeProcessorCount)
  }()

  /// 0: nobody asked; -1: the shared pool exists.
  private static let requested = Atomic<Int>(0)

  /// Sets the size of the shared pool.
  ///
  /// - Returns: false, and changes nothing, if the shared pool is in use already or `threads` is
  ///   less than 1.
  @discardableResult
  package static func configure(threads: Int) -> Bool {
    guard threads > 0 else { return false }
    var current = requested.load(ordering: .sequentiallyConsistent)
    while current >= 0 {
      let (done, seen) = requested.compareExchange(
        expected: current, desired: threads, ordering: .sequentiallyConsistent)
      if done { return true }
      current = seen
    }
    return false
  }

  /// - Parameter threads: from 1 to 1024, the caller's among them; other values are brought there.
  package init(threads: Int) {
    self.threads = min(max(threads, 1), 1024)
    for index in 1..<max(self.threads, 1) {
      let core = core
      let thread = Thread { core.work() }
      thread.name = "lorikeet-\(index)"
      thread.start()
    }
  }

  deinit { core.stop() }

  /// Calls `body` once for each index in `0 ..< count` and returns when all calls have returned.
  package func run(_ count: Int, _ body: @Sendable (Int) -> Void) {
    guard count > 1, threads > 1, core.enter() else {
      for index in 0..<max(count, 0) { body(index) }
      return
    }
    defer { core.leave() }
    withoutActuallyEscaping(body) { body in
      withUnsafePointer(to: body) { core.run(count, $0) }
    }
  }

  /// Calls `body` with ranges that cover `0 ..< count`, each of `grain` elements at least (unless
  /// there are fewer); where they are cut depends on `count`, `grain` and the number of threads.
  package func parallelRows(_ count: Int, grain: Int, _ body: @Sendable (Range<Int>) -> Void) {
    guard count > 0 else { return }
    let pieces = max(1, min(count / max(grain, 1), threads * (threads > 1 ? 4 : 1)))
    run(pieces) { piece in
      body(ThreadPool.part(piece, of: pieces, count: count))
    }
  }

  /// Part `index` of `0 ..< count` cut into `parts` whose sizes differ by 1 at most.
  package static func part(_ index: Int, of parts: Int, count: Int) -> Range<Int> {
    let (size, larger) = count.quotientAndRemainder(dividingBy: parts)
    let start = index * size + min(index, larger)
    return start..<start + size + (index < larger ? 1 : 0)
  }
}

/// What callers and workers share.
private final class Core: Sendable {
  typealias Body = @Sendable (Int) -> Void

  /// Count of the loop's indices in the high half, the next index to be taken in the low half. As
  /// long as the halves are equal, there is nothing to take. An index is taken by exchanging the
  /// whole word, so whoever takes one takes it from the loop that runs now, and that loop cannot
  /// end before the index is done: `body` may be read after that, and only after that.
  private let ticket = Atomic<UInt64>(0)
  private let body = Atomic<UInt>(0)
  private let unfinished = Atomic<Int>(0)
  private let busy = Atomic<Bool>(false)
  private let stopping = Atomic<Bool>(false)

  /// Workers that sleep until there is a loop, and the caller that sleeps until its loop is done.
  /// Whoever goes to sleep raises the count, then looks again; whoever changes what it waits for
  /// does that first, then looks at the count: so at least one of them sees the other.
  private let workers = Sleepers()
  private let finish = Sleepers()

  private static let spin: UInt64 = 40_000  // nanoseconds

  /// Set in threads that run a body.
  private static let inside: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key, nil)
    return key
  }()
  private static var mark: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: 1) }

  /// Makes the calling thread the pool's one caller, unless it runs a body or the pool is busy.
  func enter() -> Bool {
    if pthread_getspecific(Core.inside) != nil { return false }
    if busy.exchange(true, ordering: .acquiring) { return false }
    pthread_setspecific(Core.inside, Core.mark)
    return true
  }

  func leave() {
    pthread_setspecific(Core.inside, nil)
    busy.store(false, ordering: .releasing)
  }

  func run(_ count: Int, _ body: UnsafePointer<Body>) {
    var first = 0
    while first < count {
      // A ticket has room for 2^32 - 1 indices; more go in several rounds.
      let round = min(count - first, Int(UInt32.max))
      let start = first
      if start == 0 {
        runRound(round, body)
      } else {
        nonisolated(unsafe) let body = body
        let shifted: Body = { body.pointee(start + $0) }
        withUnsafePointer(to: shifted) { runRound(round, $0) }
      }
      first += round
    }
  }

  private func runRound(_ count: Int, _ body: UnsafePointer<Body>) {
    self.body.store(UInt(bitPattern: body), ordering: .releasing)
    unfinished.store(count, ordering: .releasing)
    ticket.store(UInt64(count) << 32, ordering: .sequentiallyConsistent)
    workers.wake()
    takeIndices()
    wait(finish) { unfinished.load(ordering: .sequentiallyConsistent) == 0 }
  }

  /// The life of a worker.
  func work() {
    pthread_setspecific(Core.inside, Core.mark)
    let place = lk_place_create()
    defer { lk_place_destroy(place) }
    while true {
      wait(workers, at: place) { hasWork || stopping.load(ordering: .sequentiallyConsistent) }
      if stopping.load(ordering: .sequentiallyConsistent) { return }
      takeIndices()
    }
  }

  func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    workers.wake()
  }

  private var hasWork: Bool {
    let word = ticket.load(ordering: .sequentiallyConsistent)
    return word >> 32 != word & 0xFFFF_FFFF
  }

  private func takeIndices() {
    var word = ticket.load(ordering: .acquiring)
    while word >> 32 != word & 0xFFFF_FFFF {
      let (taken, seen) = ticket.compareExchange(
        expected: word, desired: word + 1, ordering: .acquiringAndReleasing)
      guard taken else {
        word = seen
        continue
      }
      call(Int(word & 0xFFFF_FFFF))
      if unfinished.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 { finish.wake() }
      word = ticket.load(ordering: .acquiring)
    }
  }

  /// Not inlined, so that no reference to the body outlives the call.
  @inline(never)
  private func call(_ index: Int) {
    let address = body.load(ordering: .acquiring)
    guard let body = UnsafePointer<Body>(bitPattern: address) else { return }
    body.pointee(index)
  }

  /// Spins for a while, then sleeps, until `condition` holds.
  private func wait(
    _ sleepers: Sleepers, at place: OpaquePointer? = nil, until condition: () -> Bool
  ) {
    if condition() { return }
    let start = Core.nanoseconds()
    repeat {
      for _ in 0..<16 {
        if condition() { return }
        lk_spin_pause()
      }
    } while Core.nanoseconds() &- start < Core.spin
    sleepers.sleep(at: place, until: condition)
  }

  private static func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}

/// Threads that sleep until a condition holds.
private final class Sleepers: Sendable {
  private let count = Atomic<Int>(0)
  private let condition = NSCondition()
  /// Where they sleep, those whose place is known. Touched with the condition's lock only.
  nonisolated(unsafe) private var places: Set<OpaquePointer> = []

  func sleep(at place: OpaquePointer?, until holds: () -> Bool) {
    condition.lock()
    defer { condition.unlock() }
    if let place {
      lk_place_leave(place)
      places.insert(place)
    }
    count.add(1, ordering: .sequentiallyConsistent)
    while !holds() { condition.wait() }
    count.subtract(1, ordering: .sequentiallyConsistent)
    if let place {
      places.remove(place)
      lk_place_return(place)
    }
  }

  func wake() {
    guard count.load(ordering: .sequentiallyConsistent) > 0 else { return }
    condition.lock()
    for place in places { lk_place_call(place) }
    condition.broadcast()
    condition.unlock()
  }
}

/// `ThreadPool.parallelRows` on the shared pool.
package func parallelRows(_ count: Int, grain: Int, _ body: @Sendable (Range<Int>) -> Void) {
  ThreadPool.shared.parallelRows(count, grain: grain, body)
}
