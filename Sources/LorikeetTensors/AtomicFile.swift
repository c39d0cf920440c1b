// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Writes files so that a reader sees the whole new file or the old one, never a part.
///
/// Bytes go to a hidden temporary file in the same directory; `commit` flushes it to the disk and
/// renames it over the final name. An error, or letting the object go without `commit`, removes it.
public final class AtomicFile {
  public let path: String
  private let temporaryPath: String
  private var descriptor: Int32

  /// - Throws: `FileError` if the directory cannot be written to.
  public init(path: String) throws(FileError) {
    self.path = path
    // A new name would take the place of a device, and of a pipe.
    var status = stat()
    let exists = stat(path, &status) == 0
    guard !exists || [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) else {
      throw FileError(path: path, reason: "exists and is not a regular file")
    }
    (temporaryPath, descriptor) = UnfinishedFiles.begin(path) {
      open($0, O_WRONLY | O_CREAT | O_EXCL, 0o644)
    }
    guard descriptor >= 0 else { throw FileError(path: path, errno: errno, action: "write") }
  }

  deinit {
    if descriptor >= 0 {
      close(descriptor)
      unlink(temporaryPath)
    }
    UnfinishedFiles.leave(temporaryPath)
  }

  /// Appends bytes.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    var done = 0
    while done < bytes.count {
      let count = Foundation.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError(path: path, errno: errno, action: "write")
      }
      done += count
    }
  }

  public func write(_ text: String) throws(FileError) {
    var text = text
    let result: Result<Void, FileError> = text.withUTF8 { bytes in
      Result { () throws(FileError) in try write(UnsafeRawBufferPointer(bytes)) }
    }
    try result.get()
  }

  public func write(_ bytes: [UInt8]) throws(FileError) {
    let result: Result<Void, FileError> = bytes.withUnsafeBytes { bytes in
      Result { () throws(FileError) in try write(bytes) }
    }
    try result.get()
  }

  /// Makes the file appear under its name.
  public func commit() throws(FileError) {
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw FileError(path: path, errno: errno, action: "write")
    }
    // Locked until it has its name.
    guard rename(temporaryPath, path) == 0 else {
      throw FileError(path: path, errno: errno, action: "write")
    }
    close(descriptor)
    descriptor = -1
  }

  /// Writes a whole file at once.
  public static func write(_ text: String, to path: String) throws(FileError) {
    let file = try AtomicFile(path: path)
    try file.write(text)
    try file.commit()
  }

  public static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
    let file = try AtomicFile(path: path)
    try file.write(bytes)
    try file.commit()
  }
}
