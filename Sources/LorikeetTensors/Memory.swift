// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import Synchronization

/// How much memory there is.
public enum Memory {
  /// Bytes that the process can still take without swapping: what the system has, within the limits
  /// of its control group; nil where the system does not say.
  public static var available: Int? {
    guard let system = field("MemAvailable:", of: "/proc/meminfo") else { return nil }
    let group = "/sys/fs/cgroup/memory."
    guard let limit = number(group + "max"), let used = number(group + "current") else {
      return system
    }
    // Pages of files, which are given up when needed, count as used.
    let files = field("file", of: group + "stat", unit: 1) ?? 0
    return min(system, max(0, limit - used + files))
  }

  /// What is done when the system has no room for a tensor of so many bytes: a trap, unless a program
  /// has a better way to end.
  public static let whenExhausted = Mutex<@Sendable (Int) -> Never> {
    fatalError("out of memory: no room for \($0) bytes")
  }

  static func fail(_ bytes: Int) -> Never { whenExhausted.withLock { $0 }(bytes) }

  private static func number(_ path: String) -> Int? {
    SystemFile.read(path).flatMap { Int($0.trimmingPrefix(" ").split(separator: "\n").first ?? "") }
  }

  private static func field(_ name: String, of path: String, unit: Int = 1024) -> Int? {
    guard let text = SystemFile.read(path) else { return nil }
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ", omittingEmptySubsequences: true)
      if words.count >= 2, words[0] == name { return Int(words[1]).map { $0 * unit } }
    }
    return nil
  }
}

/// Files in which the system tells of itself, whose size is not known before they are read.
package enum SystemFile {
  /// The text of a file of `/proc` or `/sys`; nil if it cannot be read.
  package static func read(_ path: String) -> String? {
    guard let file = FileHandle(forReadingAtPath: path) else { return nil }
    defer { try? file.close() }
    guard let data = try? file.readToEnd() else { return nil }
    return String(decoding: data, as: UTF8.self)
  }
}
