// SPDX-License-Identifier: Apache-2.0

extension Tokenizer {
  /// A byte-level BPE tokenizer from the arrays in a GGUF file's metadata.
  ///
  /// - Parameters:
  ///   - tokens: `tokenizer.ggml.tokens`; the position is the id.
  ///   - merges: `tokenizer.ggml.merges`, each two parts with a space between, in order of rank.
  ///   - types: `tokenizer.ggml.token_type`, one for each token: 3 is a control token, 4 one that
  ///     users added.
  ///   - preTokenizer: `tokenizer.ggml.pre`, the name of the way texts are split.
  ///   - addsBOS: whether `encode` puts the bos token before a text; likewise `addsEOS`.
  ///   - chatTemplate: `tokenizer.chat_template`.
  ///   - name: what messages call the file.
  /// - Throws: `TokenizerError` if the arrays do not fit each other, or the pre-tokenizer is not
  ///   supported.
  public init(
    gguf tokens: [String], merges: [String], types: [Int], preTokenizer: String,
    bosToken: Int? = nil, eosToken: Int? = nil, unkToken: Int? = nil, padToken: Int? = nil,
    addsBOS: Bool = false, addsEOS: Bool = false, chatTemplate: String? = nil,
    name: String = "GGUF metadata"
  ) throws(TokenizerError) {
    let node = try ConfigurationNode(file: name, path: "tokenizer.ggml", value: [:])
    guard types.count == tokens.count else {
      throw node.invalid(
        "token_type", "expected \(tokens.count) values, one a token, found \(types.count)")
    }
    guard let kind = GGUFPreTokenizer.known[preTokenizer] else {
      throw node.unsupported("pre", preTokenizer, GGUFPreTokenizer.known.keys.sorted())
    }
    var vocabulary = Vocabulary(capacity: tokens.count)
    var added: [AddedToken] = []
    for (id, token) in tokens.enumerated() {
      guard vocabulary.insert(Array(token.utf8), id: id) else {
        throw node.invalid("tokens", "more than \(Vocabulary.maximumSize) tokens")
      }
      if types[id] == 3 || types[id] == 4 {
        added.append(AddedToken(id: id, content: token, isSpecial: types[id] == 3))
      }
    }
    var builder = MergeBuilder(vocabulary: vocabulary)
    for merge in merges { try builder.append(Array(merge.utf8), in: node) }
    var options = BPEModel.Options()
    options.ignoresMerges = kind.ignoresMerges
    let inRange = { (id: Int?) in id.flatMap { tokens.indices.contains($0) ? $0 : nil } }
    let (bos, eos) = (inRange(bosToken), inRange(eosToken))
    self.init(
      TokenizerStorage(
        model: BPEModel(vocabulary: vocabulary, merges: builder.table, options: options),
        added: AddedTokens(added, normalizer: nil),
        normalizer: kind.normalizer,
        preTokenizer: SequencePreTokenizer(
          members: kind.splits
            + [ByteLevelPreTokenizer(addPrefixSpace: false, usesPattern: false)]),
        postProcessor: PostProcessor(
          before: addsBOS ? [bos].compactMap(\.self) : [],
          after: addsEOS ? [eos].compactMap(\.self) : []),
        decoder: ByteLevelDecoder()))
    self.bosToken = bos
    self.eosToken = eos
    self.unkToken = inRange(unkToken)
    self.padToken = inRange(padToken)
    if let chatTemplate {
      var variables: [String: TemplateValue] = [:]
      if let bos { variables["bos_token"] = .string(tokens[bos]) }
      if let eos { variables["eos_token"] = .string(tokens[eos]) }
      let template = ChatTemplate(
        unchecked: chatTemplate, name: "\(name) (tokenizer.chat_template)", variables: variables)
      self.chatTemplate = template
      chatTemplates = ["default": template]
    }
  }
}

/// What the names in `tokenizer.ggml.pre` stand for.
private struct GGUFPreTokenizer: Sendable {
  var normalizer: (any Normalizer)?
  var splits: [any PreTokenizer]
  var ignoresMerges = false

  private static func split(_ scanner: PatternScanner) -> any PreTokenizer {
    SplitPreTokenizer(pattern: scanner, behavior: .isolated)
  }

  static let known: [String: GGUFPreTokenizer] = {
    let gpt2 = GGUFPreTokenizer(splits: [split(.gpt2)])
    let digits = ScalarPattern(matches: CharacterClass.isNumeric)
    let smollm = GGUFPreTokenizer(
      splits: [SplitPreTokenizer(pattern: digits, behavior: .isolated), split(.gpt2)])
    let llama3 = GGUFPreTokenizer(splits: [split(.llama3)], ignoresMerges: true)
    let qwen2 = GGUFPreTokenizer(normalizer: UnicodeNormalizer.nfc, splits: [split(.qwen2)])
    return [
      "gpt2": gpt2, "gpt-2": gpt2, "smollm": smollm, "starcoder": smollm, "refact": smollm,
      "command-r": smollm, "llama-bpe": llama3, "llama3": llama3, "llama-v3": llama3,
      "qwen2": qwen2,
    ]
  }()
}
