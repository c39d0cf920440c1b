// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// Why something could not be had from a hub.
public enum HubError: Error, Sendable, Equatable, CustomStringConvertible {
  case file(FileError)
  /// A name that cannot be one of a hub.
  case name(String, reason: String)
  /// An environment variable of no use.
  case setting(key: String, value: String, reason: String)
  /// The hub said no: a status of HTTP for a path.
  case status(Int, path: String, hasToken: Bool)
  /// The hub could not be reached, or the connection broke too often.
  case connection(path: String, reason: String)
  /// An answer that breaks what hubs promise.
  case answer(path: String, reason: String)
  /// A file that arrived in another form than the hub announced.
  case content(file: String, reason: String)
  /// `HF_HUB_OFFLINE` is set and the cache has no such snapshot.
  case offline(name: String, cache: String)
  /// No file matches what was asked for.
  case nothingSelected(name: String)

  public var description: String {
    switch self {
    case .file(let error): error.description
    case .name(let name, let reason): "\(name): \(reason)"
    case .setting(let key, let value, let reason): "\(key)=\(value): \(reason)"
    case .status(let status, let path, let hasToken):
      "\(path): status \(status): \(Self.advice(status, hasToken: hasToken))"
    case .connection(let path, let reason): "\(path): \(reason)"
    case .answer(let path, let reason): "\(path): \(reason)"
    case .content(let file, let reason): "\(file): \(reason)"
    case .offline(let name, let cache):
      "\(name): not in \(cache), and HF_HUB_OFFLINE forbids to fetch it"
    case .nothingSelected(let name):
      "\(name): no file of it is selected; choose with --include and --exclude"
    }
  }

  /// What to do about a status.
  private static func advice(_ status: Int, hasToken: Bool) -> String {
    switch status {
    case 401 where hasToken:
      "the token is not accepted; check the name, and HF_TOKEN"
    case 401: "check the name; if it is private or gated, set HF_TOKEN"
    case 403 where hasToken:
      "the token may not read it; accept the licence on its page, or set another HF_TOKEN"
    case 403: "accept the licence on its page, and set HF_TOKEN"
    case 404: "no such name, revision or file"
    case 429: "too many requests; wait some minutes"
    case 500...: "the hub has a problem; try again later"
    default: "expected 200"
    }
  }
}
