// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// A file of weights that cannot be read or written.
public enum CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
  case file(FileError)
  /// The file breaks its format.
  case malformed(path: String, reason: String)
  /// A tensor's entry breaks the format.
  case malformedTensor(path: String, name: String, reason: String)
  /// The tensors are not those that the model asked for.
  case mismatch(LoadReport)
  case notFinite(path: String, name: String)

  public var description: String {
    switch self {
    case .file(let error): error.description
    case .malformed(let path, let reason): "\(path): \(reason)"
    case .malformedTensor(let path, let name, let reason): "\(path): tensor \(name): \(reason)"
    case .mismatch(let report): report.description
    case .notFinite(let path, let name): "\(path): tensor \(name) holds NaN or infinity"
    }
  }
}
