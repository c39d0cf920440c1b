// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

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
  /// The directory of a model: a directory is taken as it is, a name must have been pulled. Names are
  /// those of the registry, `hf:ORG/NAME`, and `ORG/NAME`.
  ///
  /// - Throws: `RegistryError`, which tells what to do.
  public static func resolve(
    _ nameOrDirectory: String, kind: RegistryEntry.Kind = .model, home: RegistryHome = .standard,
    hub: HubSettings = .standard
  ) throws(RegistryError) -> String {
    if isDirectory(nameOrDirectory) { return nameOrDirectory }
    if let snapshot = try snapshot(nameOrDirectory, kind: kind, hub: hub) { return snapshot }
    guard RegistryEntry.isName(nameOrDirectory) else {
      if FileManager.default.fileExists(atPath: nameOrDirectory) {
        throw .file(FileError(path: nameOrDirectory, reason: "is a file, expected a directory"))
      }
      if let name = try? HubName(nameOrDirectory, kind: kind) {
        throw .noDirectoryOrHubName(nameOrDirectory, name)
      }
      throw .noDirectory(nameOrDirectory)
    }
    let pulled = home.directory(kind, nameOrDirectory)
    if isDirectory(pulled) { return pulled }
    let registry: Registry
    do { registry = try Registry.bundled() } catch { throw .checkpoint(error) }
    guard registry[nameOrDirectory]?.kind == kind else {
      throw .unknownName(nameOrDirectory, known: registry.names(of: kind))
    }
    throw .notPulled(nameOrDirectory)
  }

  /// The directory in the hub's cache that `hf:ORG/NAME` means, or `ORG/NAME` if it is there.
  ///
  /// - Returns: nil for what need not be a hub's name.
  /// - Throws: `RegistryError` for an `hf:` name that has not been pulled or is none.
  public static func snapshot(
    _ text: String, kind: RegistryEntry.Kind = .model, hub: HubSettings = .standard
  ) throws(RegistryError) -> String? {
    let isCertain = text.hasPrefix(HubName.scheme)
    guard isCertain || text.contains("/") else { return nil }
    let name: HubName
    do { name = try HubName(text, kind: kind) } catch {
      if isCertain { throw .hub(error) }
      return nil
    }
    if let directory = HubRepository(name, cache: hub.cache).snapshot(of: name.revision) {
      return directory
    }
    if isCertain { throw .notPulled(name.description) }
    return nil
  }

  static func isDirectory(_ path: String) -> Bool {
    var directory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &directory)
      && directory.boolValue
  }
}
