// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Synchronization

/// Files and directories that are being written under names that they are not to keep.
///
/// Whoever writes one enters it and takes it out when it has been renamed or removed; a process that is
/// told to end removes what is left.
public enum UnfinishedFiles {
  private static let paths = Mutex<Set<String>>([])

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
}
