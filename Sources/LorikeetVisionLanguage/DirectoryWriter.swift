// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

/// Writes directories that appear whole or not at all.
public enum DirectoryWriter {
  /// Fills a hidden directory beside `path` and renames it; refuses to replace what is there unless
  /// it is an empty directory. What killed processes have left of the same is cleared away.
  ///
  /// - Throws: `FileError` naming the directory, or a file in it by the name that it would have had;
  ///   what `fill` throws.
  public static func write(to path: String, _ fill: (String) throws -> Void) throws {
    let manager = FileManager.default
    guard !path.isEmpty else {
      throw FileError(path: "\"\"", reason: "expected the name of a directory to be written")
    }
    // A link that leads nowhere is something too.
    let kind = try? manager.attributesOfItem(atPath: path)[.type] as? FileAttributeType
    if let kind {
      guard kind == .typeDirectory else {
        throw FileError(path: path, reason: "exists and is not a directory")
      }
      guard try manager.contentsOfDirectory(atPath: path).isEmpty else {
        throw FileError(path: path, reason: "the directory exists and is not empty")
      }
    }
    let target = URL(filePath: path).path
    UnfinishedFiles.clear(target)
    let (staging, descriptor): (String, Int32)
    do {
      (staging, descriptor) = try UnfinishedFiles.beginDirectory(target)
    } catch { throw FileError(path: path, reason: error.reason) }
    defer {
      close(descriptor)
      UnfinishedFiles.leave(staging)
    }
    do {
      do {
        try fill(staging)
        if kind != nil { try manager.removeItem(atPath: path) }
        try manager.moveItem(atPath: staging, toPath: path)
      } catch {
        try? manager.removeItem(atPath: staging)
        throw error
      }
    } catch let error as CocoaError where error.filePath?.hasPrefix(staging) == true {
      let code = (error.underlying as? POSIXError)?.code.rawValue
      throw code.map { FileError(path: path, errno: $0, action: "write") }
        ?? FileError(path: path, reason: error.localizedDescription)
    } catch {
      // `FILE: reason`, whatever the error's type.
      let parts = "\(error)".split(separator: ": ", maxSplits: 1)
      guard parts.count == 2, parts[0].hasPrefix(staging) else { throw error }
      throw FileError(path: path + parts[0].dropFirst(staging.count), reason: String(parts[1]))
    }
  }
}
