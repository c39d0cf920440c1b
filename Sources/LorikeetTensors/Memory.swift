// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import Synchronization

/// How much memory there is.
public enum Memory {
  /// Bytes that the process can still take without swapping: what the system has, within the limits
  /// of its control groups and of its address space; nil where the system does not say.
  public static var available: Int? {
    [
      field("MemAvailable", of: "/proc/meminfo"),
      SystemFile.read("/proc/self/cgroup").flatMap { room(inGroups: $0) }, addressSpace,
    ].compactMap(\.self).min()
  }

  /// What the limits of control groups leave; nil where there are none.
  ///
  /// A group's limit holds for all groups within it, so all on the way to the root are asked. In a
  /// container the root is the container's own group, whatever its path is called outside.
  ///
  /// - Parameter groups: `/proc/self/cgroup`: a line `ID:CONTROLLERS:PATH` for each hierarchy of
  ///   version 1, and `0::PATH` for version 2.
  package static func room(inGroups groups: String, root: String = "/sys/fs/cgroup") -> Int? {
    var rooms: [Int] = []
    for line in groups.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let isSecond = parts[1].isEmpty
      guard isSecond || parts[1].split(separator: ",").contains("memory") else { continue }
      let names =
        isSecond
        ? ["max", "current", "active_file", "inactive_file"]
        : ["limit_in_bytes", "usage_in_bytes", "total_active_file", "total_inactive_file"]
      var path = isSecond ? root : root + "/memory"
      for name in ["" as Substring] + parts[2].split(separator: "/") {
        if !name.isEmpty { path += "/" + name }
        guard let limit = number("\(path)/memory.\(names[0])"),
          let used = number("\(path)/memory.\(names[1])")
        else { continue }
        // Pages of files, which are given up when needed, count as used.
        let files = names[2...].reduce(0) {
          $0 + (field($1, of: "\(path)/memory.stat", unit: 1) ?? 0)
        }
        rooms.append(max(0, limit - max(0, used - files)))
      }
    }
    return rooms.min()
  }

  /// What `ulimit -v` leaves; nil without such a limit.
  private static var addressSpace: Int? {
    guard let limit = field("Max address space", of: "/proc/self/limits", unit: 1),
      let used = field("VmSize", of: "/proc/self/status")
    else { return nil }
    return max(0, limit - used)
  }

  /// A number of bytes in words: `1.50 GiB`.
  package static func gibibytes(_ bytes: Int) -> String {
    let gibibytes = Double(bytes) / 0x1p30
    return String(format: gibibytes < 10 ? "%.2f GiB" : "%.1f GiB", gibibytes)
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

  /// The number that stands behind a name at the beginning of a line.
  private static func field(_ name: String, of path: String, unit: Int = 1024) -> Int? {
    guard let text = SystemFile.read(path) else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix(name) {
      let rest = line.dropFirst(name.count)
      guard rest.first?.isWhitespace == true || rest.first == ":",
        let word = rest.split(whereSeparator: { $0.isWhitespace || $0 == ":" }).first
      else { continue }
      return Int(word).map { $0 * unit }
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
