// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The directory that pulled models and data sets are kept in: `models/NAME`, `datasets/NAME`.
public struct RegistryHome: Sendable, Equatable {
  public let path: String

  public init(path: String) { self.path = path }

  /// `LORIKEET_HOME`, or `~/.cache/lorikeet`.
  public static var standard: RegistryHome {
    if let path = ProcessInfo.processInfo.environment["LORIKEET_HOME"], !path.isEmpty {
      return RegistryHome(path: path)
    }
    return RegistryHome(path: NSHomeDirectory() + "/.cache/lorikeet")
  }

  /// Where features of pictures are kept for later runs.
  public var features: String { path + "/features" }

  /// Where a name of a kind is kept.
  public func directory(_ kind: RegistryEntry.Kind, _ name: String) -> String {
    "\(path)/\(kind.directory)/\(name)"
  }
}

/// Finds the directory that an argument such as `--model` means.
public enum ModelLocation {
  /// The directory of a model: a directory is taken as it is, a name must have been pulled.
  ///
  /// - Throws: `RegistryError`, which tells what to do.
  public static func resolve(
    _ nameOrDirectory: String, kind: RegistryEntry.Kind = .model, home: RegistryHome = .standard
  ) throws(RegistryError) -> String {
    if isDirectory(nameOrDirectory) { return nameOrDirectory }
    guard RegistryEntry.isName(nameOrDirectory) else { throw .noDirectory(nameOrDirectory) }
    let pulled = home.directory(kind, nameOrDirectory)
    if isDirectory(pulled) { return pulled }
    let registry: Registry
    do { registry = try Registry.bundled() } catch { throw .checkpoint(error) }
    guard registry[nameOrDirectory]?.kind == kind else {
      throw .unknownName(nameOrDirectory, known: registry.names(of: kind))
    }
    throw .notPulled(nameOrDirectory)
  }

  static func isDirectory(_ path: String) -> Bool {
    var directory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &directory)
      && directory.boolValue
  }
}
