// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import Logging
internal import LorikeetTensors

/// Fetches what a registry lists, checks it, and makes a directory of it.
///
/// Everything is built in a hidden directory beside the final one and renamed when it is complete: a
/// pull that breaks leaves nothing under the final name.
public struct RegistryPuller: Sendable {
  public enum Outcome: Sendable, Equatable {
    /// It was there before.
    case alreadyThere(directory: String)
    case pulled(directory: String)
  }

  public let registry: Registry
  public let home: RegistryHome
  private let logger: Logger?

  /// - Parameter logger: hears of each step.
  public init(registry: Registry, home: RegistryHome = .standard, logger: Logger? = nil) {
    self.registry = registry
    self.home = home
    self.logger = logger
  }

  /// Gets a name.
  ///
  /// - Parameter force: whether to do it again if it is there.
  /// - Parameter file: a file that is already on this computer, such as the wheel, to be used
  ///   instead of downloading it; its checksum is compared all the same.
  /// - Throws: `RegistryError`.
  public func pull(
    _ name: String, force: Bool = false, file: String? = nil
  ) throws(RegistryError) -> Outcome {
    guard let entry = registry[name] else {
      throw .unknownName(name, known: registry.names())
    }
    let destination = home.directory(entry.kind, name)
    if !force, ModelLocation.isDirectory(destination) {
      return .alreadyThere(directory: destination)
    }
    let staging = try Staging(beside: destination)
    var reasons: [String] = []
    for source in entry.sources {
      if file != nil, source.type == .directory { continue }
      do {
        try build(entry, source, file: file, in: staging)
        try staging.install(at: destination)
        return .pulled(directory: destination)
      } catch {
        logger?.notice("\(source.title): \(error)")
        if entry.sources.count == 1 || file != nil { throw error }
        reasons.append("\(error)")
        try staging.clear()
      }
    }
    throw .noSource(name: name, reasons: reasons)
  }

  /// Fetches from one source and makes the directory `staging.result`.
  private func build(
    _ entry: RegistryEntry, _ source: RegistrySource, file: String?, in staging: Staging
  ) throws(RegistryError) {
    var path: String
    if let file { path = file } else { path = try fetch(source, into: staging.downloads) }
    if source.type != .directory, let expected = source.sha256 {
      let found = try Checksum.sha256(of: path)
      guard found == expected.lowercased() else {
        throw .checksum(path: file ?? source.title, expected: expected, found: found)
      }
    }
    if let member = source.member {
      logger?.info("\(source.title): unpacking \(member)")
      let unpacked = staging.downloads + "/member"
      try ZipArchive(path: path).extract(member, to: unpacked)
      path = unpacked
    }
    logger?.info("\(source.title): converting")
    do {
      switch entry.importer {
      case .dinov2: try DINOv2Importer.run(source: path, destination: staging.result)
      case .llama: try LlamaImporter.run(source: path, destination: staging.result)
      case .stamps: try StampsImporter.run(source: path, destination: staging.result)
      }
    } catch let error as StampsError {
      throw .stamps(error)
    } catch let error as RegistryError {
      throw error
    } catch {
      throw .tool(name: entry.importer.rawValue, reason: "\(error)")
    }
  }

  private func fetch(
    _ source: RegistrySource, into directory: String
  ) throws(RegistryError) -> String {
    logger?.info("\(source.title): fetching")
    switch source.type {
    case .file, .directory:
      guard let path = source.path else { throw .entry(name: source.title, reason: "has no path") }
      let expanded = (path as NSString).expandingTildeInPath
      guard FileManager.default.fileExists(atPath: expanded) else {
        throw .file(FileError(path: expanded, reason: "is not there"))
      }
      return expanded
    case .apt:
      do { return try StampsImporter.download(into: directory) } catch { throw .stamps(error) }
    case .pip:
      guard let package = source.package, let version = source.version else {
        throw .entry(name: source.title, reason: "has no package or version")
      }
      return try PipDownload.run("\(package)==\(version)", into: directory)
    }
  }
}

/// The hidden directory in which something is built: `downloads/` and `result`.
private final class Staging {
  private let path: String
  private let descriptor: Int32
  var downloads: String { path + "/downloads" }
  var result: String { path + "/result" }

  init(beside destination: String) throws(RegistryError) {
    UnfinishedFiles.clear(destination)
    do {
      (path, descriptor) = try UnfinishedFiles.beginDirectory(destination)
    } catch { throw .file(error) }
    try clear()
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
    close(descriptor)
    UnfinishedFiles.leave(path)
  }

  /// Begins anew.
  func clear() throws(RegistryError) {
    for part in [downloads, result] { try? FileManager.default.removeItem(atPath: part) }
    do {
      try FileManager.default.createDirectory(
        atPath: downloads, withIntermediateDirectories: true)
    } catch {
      throw .file(FileError(path: downloads, reason: "cannot be made: \(reason(error))"))
    }
  }

  /// Moves the result to its place, and what was there before out of the way.
  func install(at destination: String) throws(RegistryError) {
    if FileManager.default.fileExists(atPath: destination) {
      guard rename(destination, path + "/old") == 0 else {
        throw .file(FileError(path: destination, errno: errno, action: "replace"))
      }
    }
    guard rename(result, destination) == 0 else {
      let code = errno
      _ = rename(path + "/old", destination)
      throw .file(FileError(path: destination, errno: code, action: "write"))
    }
  }

  private func reason(_ error: any Error) -> String {
    (error as NSError).localizedDescription
  }
}
