// SPDX-License-Identifier: Apache-2.0

internal import Yams

/// A recipe as a tree of YAML, in which a text is still what was written: `2026-11-21`, `0x10`, `no`.
enum RecipeNodes {
  /// Reads a document; nil for one without a value.
  static func parse(_ text: String, _ path: String) throws(TrainingError) -> Node? {
    do {
      return try Parser(yaml: text, resolver: resolver).singleRoot()
    } catch {
      // A parser's message quotes the line, whatever its length.
      let reason = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
      throw .recipe(path: path, reason: "not YAML: \(reason.prefix(200))")
    }
  }

  /// The keys and values of a mapping, and of those that `<<` merges into it; none for another node.
  ///
  /// - Throws: `TrainingError.recipe` for a key that is not a word.
  static func pairs(_ node: Node, _ path: String) throws(TrainingError)
    -> [(key: String, value: Node)]
  {
    var pairs: [(key: String, value: Node)] = []
    for (key, value) in node.mapping ?? Node.Mapping([]) {
      guard let name = key.scalar?.string else {
        throw .recipe(path: path, reason: "a key is a list or a mapping, expected a word")
      }
      guard key.tag == Tag(.merge) else {
        pairs.append((name, value))
        continue
      }
      let merged = value.sequence.map(Array.init) ?? [value]
      for node in merged { pairs += try Self.pairs(node, path) }
    }
    return pairs
  }

  /// A node on one line, for messages.
  static func text(_ node: Node) -> String {
    if let mapping = node.mapping {
      return "{" + mapping.map { "\(text($0.key)): \(text($0.value))" }.joined(separator: ", ")
        + "}"
    }
    if let sequence = node.sequence {
      return "[" + sequence.map(text).joined(separator: ", ") + "]"
    }
    return node.scalar?.string ?? ""
  }

  /// The tree with another value at a path of keys.
  static func setting(_ node: Node?, _ path: ArraySlice<String>, _ value: Node) -> Node {
    guard let key = path.first else { return value }
    var mapping = node?.mapping ?? Node.Mapping([], Tag(.implicit, resolver))
    let name = Node(key, Tag(.implicit, resolver))
    mapping[name] = setting(mapping[name], path.dropFirst(), value)
    return .mapping(mapping)
  }

  /// As `YAMLDecoder` has it: nothing is told apart before it is asked for.
  private static let resolver = Resolver.basic.appending(.merge)
}
