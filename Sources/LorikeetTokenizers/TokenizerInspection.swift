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

  package static func normalized(
    _ text: String, normalizer: TemplateValue
  ) throws(TokenizerError) -> String {
    let node = try ConfigurationNode(file: "normalizer", path: "", value: normalizer)
    return try TokenizerComponents.normalizer(node).normalize(Array(text.utf8)).text
  }
}
