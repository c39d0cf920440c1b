// SPDX-License-Identifier: Apache-2.0

import Foundation
import Lorikeet
import Synchronization

/// Removes what is half written when the process is told to end, and lets it end.
enum Interruption {
  /// Where the signals' numbers are written to.
  private static let input = Atomic<Int32>(-1)

  /// Watches for the signals that end a process, but for those that its parent had it ignore.
  static func watch() {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    input.store(ends[1], ordering: .sequentiallyConsistent)
    let output = ends[0]
    // In the handler of a signal hardly anything may be done, so a thread does it.
    let thread = Thread {
      var number: UInt8 = 0
      while read(output, &number, 1) != 1 { if errno != EINTR { return } }
      UnfinishedFiles.remove {
        signal(Int32(number), SIG_DFL)
        kill(getpid(), Int32(number))
      }
    }
    thread.stackSize = 256 << 10
    thread.start()
    // A parent that starts processes from a worker thread hands its blocked signals down.
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) {
      signal(number) { number in
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(Interruption.input.load(ordering: .relaxed), &byte, 1)
      }
      sigaddset(&signals, number)
    }
    sigprocmask(SIG_UNBLOCK, &signals, nil)
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    guard let before = signal(number, SIG_DFL) else { return false }
    let isIgnored =
      unsafeBitCast(before, to: UInt.self) == unsafeBitCast(SIG_IGN, to: UInt.self)
    if isIgnored { signal(number, SIG_IGN) }
    return isIgnored
  }
}
