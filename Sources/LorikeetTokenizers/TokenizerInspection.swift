// SPDX-License-Identifier: Apache-2.0

/// Single steps of a tokenizer, as tokenizer.json describes them, for holding each against the
/// reference library.
package enum TokenizerInspection {
  package static func pieces(
    of text: String, preTokenizer: TemplateValue
  ) throws(TokenizerError) -> [String] {
    let node = try ConfigurationNode(file: "pre_tokenizer", path: "", value: preTokenizer)
    let pieces = Pieces(text: Array(text.utf8), startsText: true)
    return try TokenizerComponents.preTokenizer(node).split(pieces).texts
  }

  /// The pieces of a text by a name in `tokenizer.ggml.pre`.
  package static func pieces(
    of text: String, ggufPreTokenizer name: String
  ) throws(TokenizerError) -> [String] {
    let node = try ConfigurationNode(file: "GGUF", path: "", value: [:])
    let pieces = Pieces(text: Array(text.utf8), startsText: true)
    return try GGUFSplitting.named(name, in: node).preTokenizer(node).split(pieces).texts
  }

  /// Whether a regular expression is matched by this module's own engine.
  package static func isSplitRegex(_ source: String) -> Bool { SplitRegex(source) != nil }

  package static func normalized(
    _ text: String, normalizer: TemplateValue
  ) throws(TokenizerError) -> String {
    let node = try ConfigurationNode(file: "normalizer", path: "", value: normalizer)
    return try TokenizerComponents.normalizer(node).normalize(Array(text.utf8)).text
  }
}
