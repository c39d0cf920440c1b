// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Synchronization

/// Work in a thread of its own, beside the thread pool's, until its result is asked for.
final class BackgroundWork<Value: Sendable>: Sendable {
  private let result = Mutex<Result<Value, any Error>?>(nil)
  private let done = DispatchSemaphore(value: 0)

  init(_ body: @escaping @Sendable () throws -> Value) {
    let thread = Thread { [self] in
      let value = Result { try body() }
      result.withLock { $0 = value }
      done.signal()
    }
    thread.name = "lorikeet-background"
    thread.stackSize = 8 << 20
    thread.start()
  }

  /// Waits for the result; throws what the work threw.
  func value() throws -> Value {
    done.wait()
    defer { done.signal() }
    guard let value = result.withLock({ $0 }) else {
      preconditionFailure("BackgroundWork: done without a result")
    }
    return try value.get()
  }
}
