// SPDX-License-Identifier: Apache-2.0

/// A model or adapter configuration that cannot be used.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file that holds it.
  public let path: String
  public let reason: String

  public init(path: String, _ reason: String) {
    self.path = path
    self.reason = reason
  }

  public var description: String { "\(path): \(reason)" }
}
