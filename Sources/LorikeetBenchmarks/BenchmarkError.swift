// SPDX-License-Identifier: Apache-2.0

/// Work that cannot be measured as asked.
package struct BenchmarkError: Error, Sendable, Equatable, CustomStringConvertible {
  package let subject: String
  package let reason: String

  package init(_ subject: String, _ reason: String) {
    self.subject = subject
    self.reason = reason
  }

  package var description: String { "\(subject): \(reason)" }
}
