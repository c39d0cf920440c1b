// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// A file that could not be read or written.
public struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
  public let path: String
  public let reason: String

  public init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }

  /// - Parameter action: what failed, as a verb: "open", "write".
  public init(path: String, errno code: Int32, action: String) {
    self.init(path: path, reason: "cannot \(action): \(String(cString: strerror(code)))")
  }

  public var description: String { "\(path): \(reason)" }
}
