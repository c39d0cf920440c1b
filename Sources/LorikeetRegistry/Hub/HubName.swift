// SPDX-License-Identifier: Apache-2.0

/// A repository of a hub: `hf:ORG/NAME` for a model, `hf:datasets/ORG/NAME` for a data set, with
/// `@REVISION` behind it for another branch, tag or commit than `main`.
public struct HubName: Sendable, Equatable, CustomStringConvertible {
  /// What hub names begin with.
  public static let scheme = "hf:"
  /// The branch that is meant where none is named.
  static let defaultRevision = "main"

  public let kind: RegistryEntry.Kind
  /// `ORG/NAME`, or `NAME` for the oldest models.
  public let repository: String
  public let revision: String

  /// Reads a name.
  ///
  /// - Parameter kind: what is meant if the name does not say `datasets/` or `models/`.
  /// - Throws: `HubError.name` for what the hub would not take as a name.
  public init(_ text: String, kind: RegistryEntry.Kind = .model) throws(HubError) {
    var rest = text.hasPrefix(Self.scheme) ? text.dropFirst(Self.scheme.count) : text[...]
    var revision = Self.defaultRevision
    if let at = rest.firstIndex(of: "@") {
      revision = String(rest[rest.index(after: at)...])
      rest = rest[..<at]
    }
    var parts = rest.split(separator: "/", omittingEmptySubsequences: false)
    var kind = kind
    if parts.count > 1, let first = parts.first, let named = Self.kinds[String(first)] {
      kind = named
      parts.removeFirst()
    }
    guard parts.count <= 2, parts.allSatisfy(Self.isPart), !rest.hasSuffix(".git") else {
      throw .name(text, reason: "is no name of a hub; expected hf:ORG/NAME or hf:datasets/ORG/NAME")
    }
    guard HubPath.isRelative(revision), !revision.utf8.contains(where: { $0 <= 0x20 }) else {
      throw .name(text, reason: "has no revision behind its @; expected a branch, tag or commit")
    }
    self.kind = kind
    self.repository = parts.joined(separator: "/")
    self.revision = revision
  }

  private static let kinds: [String: RegistryEntry.Kind] = ["datasets": .dataset, "models": .model]

  /// Letters, digits, `-`, `.`, `_`; no `-` or `.` at the ends, and not `--` or `..`, as these stand
  /// for other things in the cache.
  private static func isPart(_ part: Substring) -> Bool {
    let isName = RegistryEntry.isName(String(part)) && part.utf8.count <= 96
    let ends = [part.first, part.last].allSatisfy { $0 != "-" && $0 != "." }
    return isName && ends && !part.contains("--") && !part.contains("..")
  }

  /// How the name is given to `pull`.
  public var description: String {
    let at = revision == Self.defaultRevision ? "" : "@" + revision
    return Self.scheme + (kind == .dataset ? "datasets/" : "") + repository + at
  }
}

/// Paths that come from a server, or that become parts of file names.
enum HubPath {
  /// Whether a path stays below the directory that it is joined to.
  static func isRelative(_ path: String) -> Bool {
    path.utf8.count <= 1024 && !path.utf8.contains(0)
      && path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
        !$0.isEmpty && $0 != "." && $0 != ".." && $0.utf8.count <= 255
      }
  }

  /// Whether a text may be the name of one file.
  static func isFileName(_ name: String) -> Bool { isRelative(name) && !name.contains("/") }

  /// Whether a text is a hash of so many hexadecimal digits.
  static func isHash(_ text: String, digits: Int) -> Bool {
    text.utf8.count == digits && text.utf8.allSatisfy { Character(UnicodeScalar($0)).isHexDigit }
  }
}
