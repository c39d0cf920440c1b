// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Synchronization

/// Large blocks of memory, kept for the next use when they are freed.
///
/// The activations of a step have the sizes of the last one's, so the same blocks serve again: nothing
/// is given back to the system and faulted in anew, and no heap falls to pieces. What is kept and what
/// is in use together stay below what was once in use at a time, or little above what is in use now;
/// beyond that, the blocks that waited longest are given back.
package final class BlockPool: Sendable {
  package static let shared = BlockPool()

  /// Blocks of fewer bytes are the heap's.
  package static let least = 64 << 10

  /// Addresses are kept as numbers, so that the state may go from thread to thread.
  private struct Free {
    let address: UInt
    /// When it was freed, in events.
    let time: Int
  }

  private struct State {
    /// Free blocks by size, the one freed last at the end.
    var free: [Int: [Free]] = [:]
    var kept = 0
    var inUse = 0
    var mostInUse = 0
    var time = 0
    /// Where in its first page the next new block begins.
    var start = 0
  }
  private let state = Mutex(State())

  package init() {}

  /// Bytes that are kept free, in use, and were in use at most.
  package var bytes: (kept: Int, inUse: Int, most: Int) {
    state.withLock { ($0.kept, $0.inUse, $0.mostInUse) }
  }

  /// Bytes that may always be kept.
  package static let slack = 64 << 20

  private static let page = 4096
  private static let line = 64

  /// The size of the blocks that serve a request: 16 sizes from each power of two to the next. The end
  /// of a block that nobody writes to takes no memory.
  package static func size(for bytes: Int) -> Int {
    let bytes = bytes + page - line
    let step = 1 << max(12, Int.bitWidth - 5 - bytes.leadingZeroBitCount)
    return (bytes + step - 1) / step * step
  }

  /// A block of at least so many bytes, aligned to 64, not initialised.
  ///
  /// Blocks begin at different places of a page: rows of several tensors that are read together would
  /// drive each other out of the cache otherwise.
  ///
  /// - Parameter bytes: `least` or more.
  package func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
    let size = Self.size(for: bytes)
    let (address, start, surplus) = state.withLock { state in
      state.inUse += size
      state.mostInUse = max(state.mostInUse, state.inUse)
      let found = state.free[size]?.popLast()
      if found != nil { state.kept -= size }
      state.start = (state.start + 5 * Self.line) % Self.page
      return (found?.address, state.start, Self.trim(&state))
    }
    Self.release(surplus)
    if let address, let block = UnsafeMutableRawPointer(bitPattern: address) { return block }
    let block = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0)
    guard let block, block != MAP_FAILED else {
      Memory.fail(bytes)
    }
    return block + start
  }

  /// Takes back a block that `allocate` gave for so many bytes.
  package func deallocate(_ block: UnsafeMutableRawPointer, _ bytes: Int) {
    let size = Self.size(for: bytes)
    let surplus = state.withLock { state in
      state.inUse -= size
      state.kept += size
      state.time += 1
      state.free[size, default: []].append(
        Free(address: UInt(bitPattern: block), time: state.time))
      return Self.trim(&state)
    }
    Self.release(surplus)
  }

  /// Takes out what is kept beyond the most that was in use.
  private static func trim(_ state: inout State) -> [(address: UInt, size: Int)] {
    var surplus: [(UInt, Int)] = []
    while state.kept > max(state.mostInUse - state.inUse, slack, state.mostInUse / 8) {
      let oldest = state.free.min {
        ($0.value.first?.time ?? .max) < ($1.value.first?.time ?? .max)
      }
      guard let size = oldest?.key, let block = oldest?.value.first else { break }
      state.free[size]?.removeFirst()
      if state.free[size]?.isEmpty == true { state.free[size] = nil }
      state.kept -= size
      surplus.append((block.address, size))
    }
    return surplus
  }

  private static func release(_ blocks: [(address: UInt, size: Int)]) {
    for (address, size) in blocks {
      munmap(UnsafeMutableRawPointer(bitPattern: address / UInt(page) * UInt(page)), size)
    }
  }
}
