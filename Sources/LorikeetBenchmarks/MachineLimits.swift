// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels
internal import Foundation
package import LorikeetTensors

/// What the machine can do at most, measured: multiplications and additions in registers alone, and
/// memory read in order. Each is the best of several tries.
package struct MachineLimits: Sendable {
  package var processor: String
  /// The instruction set in use.
  package var instructionSet: String
  package var threads: Int
  /// Floating-point operations a second, with one thread and with all of the pool.
  package var operationsOneThread: Double
  package var operations: Double
  /// Bytes read a second, with one thread and with all of the pool.
  package var bandwidthOneThread: Double
  package var bandwidth: Double

  /// Measures for a second or so.
  package static func measure() -> MachineLimits {
    let threads = ThreadPool.shared.threads
    let one = best(of: 50) { _ in multiplyAdd(threads: 1) }
    // As long as the threads do not have a processor each, there is hope that they will.
    let enough = 0.85 * Double(threads) * one
    let all =
      threads > 1 ? best(of: 600, until: enough) { _ in multiplyAdd(threads: threads) } : one
    let memory = MappedMemory()
    let readOne = best(of: 40) { read(memory, window: $0, threads: 1) }
    let readAll =
      threads > 1 ? best(of: 200) { read(memory, window: $0, threads: threads) } : readOne
    return MachineLimits(
      processor: processorName, instructionSet: MatrixProductEngine.instructionSet,
      threads: threads, operationsOneThread: one, operations: max(one, all),
      bandwidthOneThread: readOne, bandwidth: max(readOne, readAll))
  }

  /// The measurement as a line of JSON.
  package var line: JSONLine {
    [
      "work": "machine", "processor": .string(processor),
      "instruction_set": .string(instructionSet), "threads": .int(threads),
      "fma_gflops_one_thread": .double(operationsOneThread / 1e9),
      "fma_gflops": .double(operations / 1e9),
      "read_gb_per_second_one_thread": .double(bandwidthOneThread / 1e9),
      "read_gb_per_second": .double(bandwidth / 1e9),
    ]
  }

  /// Tries are short, so that some of them fall between what other programs do.
  private static func best(
    of tries: Int, until enough: Double = .infinity, _ rate: (Int) -> Double
  ) -> Double {
    var best = 0.0
    for attempt in 0..<tries {
      best = max(best, rate(attempt))
      if best >= enough { break }
    }
    return best
  }

  private static func multiplyAdd(threads: Int) -> Double {
    let rounds = 200_000
    let total = UnsafeMutablePointer<Double>.allocate(capacity: threads)
    defer { total.deallocate() }
    let seconds = Repetitions.seconds {
      nonisolated(unsafe) let total = total
      onThreads(threads) { thread in
        var sink: Float = 0
        total[thread] = lk_multiply_add_rounds(rounds, &sink)
      }
    }
    return (0..<threads).reduce(0) { $0 + total[$1] } / seconds
  }

  /// Reads one window after the other; by the time that one comes again, no cache has any of it.
  private static func read(_ memory: MappedMemory, window: Int, threads: Int) -> Double {
    guard let base = memory.base else { return 0 }
    let bytes = memory.bytes / MappedMemory.windows
    let start = UnsafeRawPointer(base) + window % MappedMemory.windows * bytes
    let chunks = (0..<threads).map { thread in
      let part = ThreadPool.part(thread, of: threads, count: bytes / 512)
      return UnsafeRawBufferPointer(start: start + part.lowerBound * 512, count: part.count * 512)
    }
    return readRate(chunks, threads: threads)
  }

  /// Bytes a second at which all threads of the pool together read these weights in order, where they
  /// lie; nil if there is too little of them.
  static func readRate(_ weights: [StoredTensor]) -> Double? {
    let chunk = 1 << 20
    let chunks = weights.flatMap { weight in
      let start = (weight.storage.base + weight.bytes.lowerBound).alignedUp(toMultipleOf: 64)
      let end = weight.storage.base + weight.bytes.upperBound
      return stride(from: 0, to: max(0, end - start) / 512 * 512, by: chunk).map {
        UnsafeRawBufferPointer(start: start + $0, count: min(chunk, (end - start) / 512 * 512 - $0))
      }
    }
    guard !chunks.isEmpty else { return nil }
    return withExtendedLifetime(weights) {
      readRate(chunks, threads: ThreadPool.shared.threads)
    }
  }

  /// Bytes a second at which threads read chunks in order, each as many of them as the others.
  private static func readRate(_ chunks: [UnsafeRawBufferPointer], threads: Int) -> Double {
    let sums = UnsafeMutablePointer<UInt64>.allocate(capacity: threads)
    defer { sums.deallocate() }
    let seconds = Repetitions.seconds {
      nonisolated(unsafe) let (chunks, sums) = (chunks, sums)
      onThreads(threads) { thread in
        for index in ThreadPool.part(thread, of: threads, count: chunks.count) {
          if let start = chunks[index].baseAddress {
            sums[thread] = lk_read_in_order(start, chunks[index].count)
          }
        }
      }
    }
    return Double(chunks.reduce(0) { $0 + $1.count }) / seconds
  }

  /// Calls `body` once on each of some threads at the same time.
  private static func onThreads(_ threads: Int, _ body: @Sendable (Int) -> Void) {
    if threads == 1 { body(0) } else { ThreadPool.shared.run(threads, body) }
  }

  private static var processorName: String {
    let lines = SystemFile.read("/proc/cpuinfo")?.split(separator: "\n") ?? []
    let name = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
    return name.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
  }
}

/// Much more memory than any cache holds, as far as there is so much, for as long as the object lives.
private final class MappedMemory {
  static let windows = 16
  let bytes: Int
  let base: UnsafeMutableRawPointer?

  init() {
    let most = min(512 << 20, (Memory.available ?? .max) / 2)
    let window = most / (Self.windows * 4096) * 4096
    bytes = window * Self.windows
    base = bytes > 0 ? lk_map_memory(bytes) : nil
  }

  deinit { if let base { lk_unmap_memory(base, bytes) } }
}
