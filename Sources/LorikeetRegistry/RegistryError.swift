// SPDX-License-Identifier: Apache-2.0

public import LorikeetCheckpoints
public import LorikeetTensors

/// Why a model or a data set could not be had.
public enum RegistryError: Error, Sendable, Equatable, CustomStringConvertible {
  case file(FileError)
  case checkpoint(CheckpointError)
  case stamps(StampsError)
  case hub(HubError)
  /// A name that no registry lists.
  case unknownName(String, known: [String])
  /// A listed name that has not been pulled.
  case notPulled(String)
  /// A path that leads nowhere.
  case noDirectory(String)
  /// A path that leads nowhere and may be meant as a hub's name, of which the cache has no snapshot.
  case noDirectoryOrHubName(String, HubName)
  /// A tool that could not be run, or that failed.
  case tool(name: String, reason: String)
  /// A downloaded file that is not the one that was pinned.
  case checksum(path: String, expected: String, found: String)
  /// A wheel that is not as a zip file must be.
  case archive(path: String, reason: String)
  /// A registry that cannot be understood.
  case entry(name: String, reason: String)
  /// None of the sources worked.
  case noSource(name: String, reasons: [String])

  public var description: String {
    switch self {
    case .file(let error): error.description
    case .checkpoint(let error): error.description
    case .stamps(let error): error.description
    case .hub(let error): error.description
    case .unknownName(let name, let known):
      "\(name): neither a directory nor a known name (known: \(known.joined(separator: ", ")))"
    case .notPulled(let name): "\(name): not here yet; run: lorikeet pull \(name)"
    case .noDirectory(let path): "\(path): there is no such directory"
    case .noDirectoryOrHubName(let path, let name):
      "\(path): there is no such directory; if a hub has it, run: lorikeet pull \(name)"
    case .tool(let name, let reason): "\(name): \(reason)"
    case .checksum(let path, let expected, let found):
      "\(path): the SHA-256 is \(found), expected \(expected); the file was not used"
    case .archive(let path, let reason): "\(path): \(reason)"
    case .entry(let name, let reason): "registry: \(name): \(reason)"
    case .noSource(let name, let reasons):
      "\(name): no source worked: \(reasons.joined(separator: "; "))"
    }
  }
}
