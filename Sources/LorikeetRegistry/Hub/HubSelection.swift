// SPDX-License-Identifier: Apache-2.0

/// Which files of a repository are fetched.
public struct HubSelection: Sendable, Equatable {
  /// Patterns of which a file must match one; empty for what Lorikeet reads.
  public var include: [String]
  /// Patterns of which a file must match none.
  public var exclude: [String]

  /// Patterns are those of a shell, but `*` also matches `/`; a directory stands for what is in it.
  public init(include: [String] = [], exclude: [String] = []) {
    self.include = include
    self.exclude = exclude
  }

  /// What Lorikeet reads of a model: settings, weights, tokenizers, templates.
  private static let useful = ["*.json", "*.safetensors", "*.model", "*.jinja", "*.txt"]

  /// The files that are wanted, in the order given.
  package func files(of all: [String], kind: RegistryEntry.Kind) -> [String] {
    let include = include.map(Self.pattern)
    var exclude = exclude.map(Self.pattern)
    if include.isEmpty {
      exclude.append(FilePattern(".git*"))
      // The same weights once more, in their maker's layout.
      if kind == .model, all.contains(where: Self.isModel) {
        exclude.append(FilePattern("consolidated*.safetensors"))
      }
    }
    let wanted =
      include.isEmpty && kind == .model ? Self.useful.map { FilePattern($0) } : include
    return all.filter { file in
      let path = Self.slashed(file)
      return (wanted.isEmpty || wanted.contains { $0.matches(path) })
        && !exclude.contains { $0.matches(path) }
    }
  }

  private static func isModel(_ file: String) -> Bool {
    file.hasPrefix("model") && file.hasSuffix(".safetensors")
  }

  private static func pattern(_ text: String) -> FilePattern {
    let text = slashed(text)
    return FilePattern(text.hasSuffix("/") ? text + "*" : text)
  }

  /// The text with the separators of Windows as those of a hub.
  private static func slashed(_ text: String) -> String {
    String(text.map { $0 == "\\" ? "/" : $0 })
  }
}

/// A pattern as Python's `fnmatch` reads it: `*`, `?`, `[abc]`, `[!a-z]`; `/` is a character like
/// others.
struct FilePattern: Sendable {
  private enum Part: Sendable {
    case any
    case one
    case literal(Unicode.Scalar)
    case set([ClosedRange<Unicode.Scalar>], isNegated: Bool)

    func matches(_ scalar: Unicode.Scalar) -> Bool {
      switch self {
      case .any, .one: true
      case .literal(let own): own == scalar
      case .set(let ranges, let isNegated): ranges.contains { $0.contains(scalar) } != isNegated
      }
    }

    var isAny: Bool { if case .any = self { true } else { false } }
  }

  private let parts: [Part]

  init(_ text: String) {
    let scalars = Array(text.unicodeScalars)
    var parts: [Part] = []
    var position = 0
    while position < scalars.count {
      let scalar = scalars[position]
      position += 1
      switch scalar {
      case "*": parts.append(.any)
      case "?": parts.append(.one)
      case "[":
        if let (set, end) = Self.set(scalars, from: position) {
          parts.append(set)
          position = end
        } else {
          parts.append(.literal(scalar))
        }
      default: parts.append(.literal(scalar))
      }
    }
    self.parts = parts
  }

  /// What stands between brackets, and where the text goes on; nil if no bracket closes it.
  private static func set(_ scalars: [Unicode.Scalar], from start: Int) -> (Part, Int)? {
    var first = start
    let isNegated = first < scalars.count && scalars[first] == "!"
    if isNegated { first += 1 }
    // A bracket that comes first stands for itself.
    guard first < scalars.count, let end = scalars[(first + 1)...].firstIndex(of: "]") else {
      return nil
    }
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    var position = first
    while position < end {
      let lower = scalars[position]
      if position + 2 < end, scalars[position + 1] == "-" {
        let upper = scalars[position + 2]
        if lower <= upper { ranges.append(lower...upper) }
        position += 3
      } else {
        ranges.append(lower...lower)
        position += 1
      }
    }
    return (.set(ranges, isNegated: isNegated), end + 1)
  }

  /// Whether the whole text matches. Takes at most as many steps as the product of both lengths.
  func matches(_ text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    var (part, position) = (0, 0)
    /// Where to go on if what follows the last `*` does not match: it takes one character more.
    var retry: (part: Int, position: Int)?
    while position < scalars.count {
      if part < parts.count, parts[part].isAny {
        retry = (part + 1, position)
        part += 1
      } else if part < parts.count, parts[part].matches(scalars[position]) {
        part += 1
        position += 1
      } else if let (nextPart, start) = retry {
        retry = (nextPart, start + 1)
        (part, position) = (nextPart, start + 1)
      } else {
        return false
      }
    }
    return parts[part...].allSatisfy(\.isAny)
  }
}
