// SPDX-License-Identifier: Apache-2.0

// What the files of a model say about a SentencePiece model, which tokenizer.json says itself.

extension ModelTokenizerFiles {
  /// The SentencePiece model of a directory without tokenizer.json.
  var sentencePiecePath: String? {
    guard !ModelTokenizerFiles.exists(path("tokenizer.json")) else { return nil }
    return ["tokenizer.model", "spiece.model"].map(path).first(where: ModelTokenizerFiles.exists)
  }

  /// The tokens that are found in a text as they stand: those that tokenizer_config.json and
  /// added_tokens.json list, and the special ones.
  func addedTokens(
    beside file: SentencePieceFile, _ names: [String: String]
  ) throws(TokenizerError) -> [AddedToken] {
    var tokens = try addedTokens()
    var known = Set(tokens.map { Array($0.content.utf8) })
    let node = try ModelTokenizerFiles.node(path("added_tokens.json"))
    for content in node.object.keys {
      let id = try node.integer(content)
      guard (0..<Vocabulary.maximumSize).contains(id) else {
        throw node.invalid(content, "\(id) is not between 0 and \(Vocabulary.maximumSize - 1)")
      }
      if known.insert(Array(content.utf8)).inserted {
        tokens.append(AddedToken(id: id, content: content, isSpecial: false, isNormalized: true))
      }
    }
    for content in names.values.sorted() where known.insert(Array(content.utf8)).inserted {
      guard let id = file.vocabulary.id(of: Array(content.utf8)) else { continue }
      tokens.append(AddedToken(id: id, content: content, isSpecial: true))
    }
    return tokens
  }

  /// Lays bos and eos around a text as `add_bos_token` and `add_eos_token` say, or as the class of
  /// the tokenizer does.
  func postProcessor(
    for file: SentencePieceFile, _ names: [String: String]
  ) throws(TokenizerError) -> PostProcessor {
    var name = try configuration.optionalString("tokenizer_class") ?? ""
    if name.hasSuffix("Fast") { name.removeLast(4) }
    let begins = ["LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer"].contains(name)
    let ends = ["T5Tokenizer", "SiglipTokenizer"].contains(name)
    func ids(_ key: String, _ token: String, _ fallback: Bool) throws(TokenizerError) -> [Int] {
      guard try configuration.bool(key, default: fallback) else { return [] }
      guard let content = names[token], let id = file.vocabulary.id(of: Array(content.utf8)) else {
        throw configuration.invalid(key, "the model has no \(token)")
      }
      return [id]
    }
    return PostProcessor(
      before: try ids("add_bos_token", "bos_token", begins),
      after: try ids("add_eos_token", "eos_token", ends))
  }

  /// Whether text behind an added token gets the dummy prefix, as text at the beginning does.
  func isLegacy() throws(TokenizerError) -> Bool { try configuration.bool("legacy", default: true) }
}
