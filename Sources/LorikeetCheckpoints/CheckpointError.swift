// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// What is wrong with a file of weights or of settings.
public enum CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file could not be read or written.
  case file(FileError)
  /// The file's content breaks its format; `tensor` is the tensor it happens at, if there is one.
  case malformed(path: String, tensor: String? = nil, reason: String)
  /// A JSON file lacks a key, or the key's value is of no use.
  case configuration(path: String, key: String, reason: String)
  /// The tensors in the file are not those that the model has.
  case mismatch(path: String, report: LoadReport)

  public var description: String {
    switch self {
    case .file(let error): error.description
    case .malformed(let path, nil, let reason): "\(path): \(reason)"
    case .malformed(let path, let tensor?, let reason): "\(path): tensor \(tensor): \(reason)"
    case .configuration(let path, let key, let reason): "\(path): key \(key) \(reason)"
    case .mismatch(let path, let report): "\(path): \(report)"
    }
  }
}

/// Runs `body` and turns its `FileError` into a `CheckpointError`.
package func files<Value>(_ body: () throws(FileError) -> Value) throws(CheckpointError) -> Value {
  do { return try body() } catch { throw .file(error) }
}
