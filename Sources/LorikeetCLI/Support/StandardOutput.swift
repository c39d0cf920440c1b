// SPDX-License-Identifier: Apache-2.0

import Foundation
import Lorikeet

/// Where results go. Each call reaches the other side at once.
enum StandardOutput {
  /// Thrown when the reader of the results has gone, as `head` does: a quiet end.
  struct Closed: Error {}

  /// Makes writing to a closed pipe an error that `write` sees, rather than a signal.
  static func ignoreClosedPipes() { signal(SIGPIPE, SIG_IGN) }

  /// Writes a line.
  static func line(_ text: String) throws { try write(text + "\n") }

  /// Writes an object as one line of JSON.
  static func line(_ object: JSONLine) throws { try line(object.description) }

  /// Writes text as it is.
  static func write(_ text: String) throws { try write(text, to: STDOUT_FILENO) }

  fileprivate static func write(_ text: String, to descriptor: Int32) throws {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Foundation.write(descriptor, buffer.baseAddress.map { $0 + done }, bytes.count - done)
      }
      if count < 0 {
        if errno == EINTR { continue }
        if errno == EPIPE { throw Closed() }
        throw FileError(path: "standard output", errno: errno, action: "write")
      }
      done += count
    }
  }
}

/// Where progress, warnings and errors go. That nobody listens is no error.
enum StandardError {
  /// Writes one line; what would break it, and the indentation after, becomes one space.
  static func line(_ text: String) {
    let single = text.split(whereSeparator: \.isNewline)
      .map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: " ")
    try? StandardOutput.write(single + "\n", to: STDERR_FILENO)
  }
}
