// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

/// Directory listings and whole-file reads with errors that name the file.
enum Disk {
  static let imageExtensions: Set<String> = ["png", "jpg", "jpeg"]

  static func isImage(_ name: String) -> Bool {
    imageExtensions.contains((name as NSString).pathExtension.lowercased())
  }

  static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  static func isDirectory(_ path: String) -> Bool {
    var directory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &directory)
      && directory.boolValue
  }

  /// A path without links.
  static func resolved(_ path: String) -> String {
    URL(filePath: path).resolvingSymlinksInPath().path
  }

  /// The visible names in a directory, sorted, so that no order depends on the file system.
  static func list(_ path: String) throws(DatasetError) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: path)
        .filter { !$0.hasPrefix(".") }.sorted()
    } catch {
      throw .file(FileError(path: path, reason: "cannot list the directory"))
    }
  }

  /// Reads a file.
  ///
  /// - Throws: `DatasetError.file`, also for what is no file: a pipe may never end.
  static func read(_ path: String) throws(DatasetError) -> Data {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw .file(FileError(path: path, errno: errno, action: "open"))
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .file(FileError(path: path, reason: "is not a regular file"))
    }
    let descriptor = open(path, O_RDONLY)
    guard descriptor >= 0 else {
      throw .file(FileError(path: path, errno: errno, action: "open"))
    }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    do {
      return try handle.readToEnd() ?? Data()
    } catch {
      throw .file(FileError(path: path, errno: errno, action: "read"))
    }
  }

  /// Joins a name that a file gives to the directory it must stay in.
  ///
  /// - Throws: if the name is empty, absolute, holds a NUL byte or leaves the directory through `..`.
  static func join(
    _ directory: String, _ name: String, file: String, line: Int?
  ) throws(DatasetError) -> String {
    func refuse(_ reason: String) -> DatasetError {
      .malformed(file: file, line: line, reason: "file name \"\(name)\" \(reason)")
    }
    guard !name.isEmpty, !name.utf8.contains(0) else { throw refuse("is not a file name") }
    guard !name.hasPrefix("/"), !name.hasPrefix("~") else {
      throw refuse("is absolute, expected one relative to the data set's directory")
    }
    var depth = 0
    for part in name.split(separator: "/") {
      if part == ".." { depth -= 1 } else if part != "." { depth += 1 }
      guard depth >= 0 else { throw refuse("leaves the data set's directory") }
    }
    guard depth > 0 else { throw refuse("is not a file name") }
    return directory.isEmpty ? name : directory + "/" + name
  }
}
