// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Synchronization

/// Files and directories that are being written under names that they are not to keep.
///
/// Whoever writes one enters it and takes it out when it has been renamed or removed; a process that is
/// told to end removes what is left.
public enum UnfinishedFiles {
  private static let paths = Mutex<Set<String>>([])
  private static let suffix = ".partial"

  /// Makes something under a hidden name beside `path`, enters it, and locks it for as long as it is
  /// open: the system ends the lock with the process, however that ends and wherever it runs, so
  /// `clear` can tell what is being written from what a killed process has left.
  ///
  /// - Parameter make: makes it and opens it, as `open` does.
  /// - Returns: its path, and what `make` gave; that is negative, with `errno` set, if it failed.
  package static func begin(
    _ path: String, make: (String) -> Int32
  ) -> (path: String, descriptor: Int32) {
    let (directory, prefix) = place(path)
    while true {
      let hidden =
        directory + prefix + "\(getpid()).\(UInt32.random(in: 0 ... .max))" + suffix
      // Nothing is made while all is being removed.
      let (descriptor, code) = paths.withLock { paths in
        let descriptor = make(hidden)
        if descriptor >= 0 { paths.insert(hidden) }
        return (descriptor, errno)
      }
      guard descriptor >= 0 else {
        errno = code
        return (hidden, descriptor)
      }
      // Where a file system has no locks, `clear` gets none either.
      while flock(descriptor, LOCK_EX) != 0, errno == EINTR {}
      if access(hidden, F_OK) == 0 || errno != ENOENT { return (hidden, descriptor) }
      // `clear` came between.
      close(descriptor)
      leave(hidden)
    }
  }

  /// Begins a directory, as `begin` does, in a directory that is made if need be.
  package static func beginDirectory(
    _ path: String
  ) throws(FileError) -> (path: String, descriptor: Int32) {
    // If that fails, so does what follows.
    try? FileManager.default.createDirectory(
      atPath: place(path).directory, withIntermediateDirectories: true)
    let begun = begin(path) { hidden in
      // `clear` may come between the two.
      while mkdir(hidden, 0o777) == 0 {
        let descriptor = open(hidden, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor >= 0 || errno != ENOENT { return descriptor }
      }
      return -1
    }
    guard begun.descriptor >= 0 else { throw FileError(path: path, errno: errno, action: "write") }
    return begun
  }

  /// Removes what killed processes have left of the writing of `path`: all that has a name as `begin`
  /// gives it and is not locked.
  package static func clear(_ path: String) {
    let (directory, prefix) = place(path)
    let names = try? FileManager.default.contentsOfDirectory(
      atPath: directory.isEmpty ? "." : directory)
    for name in names ?? [] where name.hasPrefix(prefix) && name.hasSuffix(suffix) {
      // `.model.` begins the names of `model.safetensors`, too.
      let numbers = name.dropFirst(prefix.count).dropLast(suffix.count)
      guard !numbers.isEmpty, numbers.allSatisfy({ $0.isNumber || $0 == "." }) else { continue }
      let descriptor = open(directory + name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
        try? FileManager.default.removeItem(atPath: directory + name)
      }
      close(descriptor)
    }
  }

  package static func enter(_ path: String) { _ = paths.withLock { $0.insert(path) } }

  package static func leave(_ path: String) { _ = paths.withLock { $0.remove(path) } }

  /// Removes all of them, then calls `end`; nothing is begun in between.
  ///
  /// - Parameter directory: those below it alone.
  public static func remove(below directory: String = "", then end: () -> Void) {
    paths.withLock { paths in
      // A file that is being renamed in a directory gets away from the first try.
      for path in paths.filter({ $0.hasPrefix(directory) }).flatMap({ [$0, $0, $0] }) {
        try? FileManager.default.removeItem(atPath: path)
      }
      end()
    }
  }

  /// The directory of a path, with a slash, and how the hidden names beside it begin.
  private static func place(_ path: String) -> (directory: String, prefix: String) {
    let directory = (path as NSString).deletingLastPathComponent
    return (
      directory.isEmpty || directory.hasSuffix("/") ? directory : directory + "/",
      ".\((path as NSString).lastPathComponent)."
    )
  }
}
