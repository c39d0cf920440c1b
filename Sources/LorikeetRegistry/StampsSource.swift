// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

/// Where the stamps come from: a directory, a package file, or the system's package tool.
enum StampsSource {
  static let package = "tuxpaint-stamps-default"
  static let directory = "usr/share/tuxpaint/stamps"

  /// The directory that holds the stamps' folders, and where the package's licence may be.
  struct Tree {
    var stamps: String
    var copyright: String
    /// What to remove when done.
    var temporary: String?
  }

  /// Finds the stamps in a directory, or unpacks a package file into a temporary directory.
  static func open(_ source: String) throws(StampsError) -> Tree {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: source, isDirectory: &isDirectory) else {
      throw .file(FileError(path: source, reason: "cannot open: No such file or directory"))
    }
    guard !isDirectory.boolValue else { return try tree(in: source, temporary: nil) }
    let temporary = FileManager.default.temporaryDirectory
      .appending(path: "lorikeet-stamps-\(UUID().uuidString)").path
    do {
      try run("dpkg", ["-x", source, temporary])
      return try tree(in: temporary, temporary: temporary)
    } catch {
      try? FileManager.default.removeItem(atPath: temporary)
      switch error {
      case .noStamps: throw .noStamps(source: source)
      default: throw error
      }
    }
  }

  private static func tree(in root: String, temporary: String?) throws(StampsError) -> Tree {
    for (stamps, base) in [(root + "/" + directory, root), (root, root + "/../../../..")] {
      let folders = (try? FileManager.default.contentsOfDirectory(atPath: stamps)) ?? []
      // Every release has these two.
      if folders.contains("animals"), folders.contains("vehicles") {
        return Tree(
          stamps: stamps, copyright: base + "/usr/share/doc/\(package)/copyright",
          temporary: temporary)
      }
    }
    throw .noStamps(source: root)
  }

  /// Runs a tool without a shell.
  ///
  /// - Throws: `StampsError.tool` with the last line that it wrote to standard error.
  static func run(
    _ name: String, _ arguments: [String], in directory: String? = nil
  ) throws(StampsError) {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [name] + arguments
    if let directory { process.currentDirectoryURL = URL(filePath: directory) }
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    do { try process.run() } catch {
      throw .tool(name: name, reason: "cannot be run: \(error.localizedDescription)")
    }
    let output = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      let text = String(decoding: output, as: UTF8.self)
      let last = text.split(separator: "\n").last.map(String.init)
      throw .tool(name: name, reason: last ?? "failed with status \(process.terminationStatus)")
    }
  }
}

extension StampsImporter {
  /// Where the package installs the stamps; nil if it is not installed.
  public static var installedDirectory: String? {
    let path = "/" + StampsSource.directory
    return FileManager.default.fileExists(atPath: path + "/animals") ? path : nil
  }

  /// Downloads the package with `apt-get download`, as any user.
  ///
  /// - Returns: the path of the package file, whose checksum the caller compares.
  /// - Throws: `StampsError.tool` if apt-get is missing or fails.
  public static func download(into directory: String) throws(StampsError) -> String {
    try StampsSource.run("apt-get", ["download", StampsSource.package], in: directory)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    guard
      let file = names.filter({ $0.hasPrefix(StampsSource.package) && $0.hasSuffix(".deb") })
        .sorted().last
    else { throw .tool(name: "apt-get", reason: "downloaded no \(StampsSource.package)") }
    return directory + "/" + file
  }
}
