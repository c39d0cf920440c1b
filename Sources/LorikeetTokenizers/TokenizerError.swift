// SPDX-License-Identifier: Apache-2.0

/// What can be wrong with a tokenizer's files, a chat template, or the ids to decode.
public enum TokenizerError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A file that cannot be read or written.
  case unreadable(file: String, reason: String)
  /// Text that is not JSON.
  case invalidJSON(file: String, line: Int, reason: String)
  /// A value that is missing, of the wrong kind or out of range.
  case invalidValue(file: String, key: String, reason: String)
  /// A component or setting this package does not implement.
  case unsupported(file: String, key: String, found: String, supported: [String])
  /// An id that no token has.
  case unknownTokenID(Int, vocabularySize: Int)
  /// A chat template that cannot be parsed or rendered; `line` counts from 1.
  case template(name: String, line: Int, reason: String)

  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      "\(file): \(reason)"
    case .invalidJSON(let file, let line, let reason):
      "\(file): not valid JSON at line \(line): \(reason)"
    case .invalidValue(let file, let key, let reason):
      "\(file): \(key): \(reason)"
    case .unsupported(let file, let key, let found, let supported):
      "\(file): \(key): \(found) is not supported"
        + (supported.isEmpty ? "" : "; supported: " + supported.joined(separator: ", "))
    case .unknownTokenID(let id, let size):
      "token id \(id) is not in the vocabulary of \(size) tokens"
    case .template(let name, let line, let reason):
      "\(name): line \(line): \(reason)"
    }
  }
}
