// SPDX-License-Identifier: Apache-2.0

public import LorikeetCheckpoints

extension Tokenizer {
  /// The tokenizer in a GGUF file: byte-level BPE (`tokenizer.ggml.model` is `gpt2`), SentencePiece's
  /// byte pairs (`llama`) or its unigrams (`t5`).
  ///
  /// Control tokens and those that users defined are found in a text as they stand. As llama.cpp does,
  /// SentencePiece sees what is between them as texts of their own.
  ///
  /// - Throws: `CheckpointError` or `TokenizerError` if the file has no such tokenizer.
  public init(gguf file: GGUFFile) throws {
    func id(_ name: String) throws -> Int? {
      try file.integer("tokenizer.ggml.\(name)_token_id")
    }
    func adds(_ name: String, _ fallback: Bool) throws -> Bool {
      try file.bool("tokenizer.ggml.add_\(name)_token") ?? fallback
    }
    let model = try file.require("tokenizer.ggml.model", file.string)
    let template = try file.string("tokenizer.chat_template")
    switch model {
    case "gpt2":
      try self.init(
        gguf: try file.require("tokenizer.ggml.tokens", file.strings),
        merges: try file.require("tokenizer.ggml.merges", file.strings),
        types: try file.require("tokenizer.ggml.token_type", file.integers),
        preTokenizer: try file.require("tokenizer.ggml.pre", file.string),
        bosToken: try id("bos"), eosToken: try id("eos"), unkToken: try id("unknown"),
        padToken: try id("padding"), addsBOS: try adds("bos", false),
        addsEOS: try adds("eos", false), chatTemplate: template, name: file.path)
    case "llama", "t5":
      let pieces = try SentencePieceFile(gguf: file, isUnigram: model == "t5")
      func known(_ name: String) throws -> Int? {
        try id(name).flatMap { pieces.kinds.indices.contains($0) ? $0 : nil }
      }
      let (bos, eos) = (try known("bos"), try known("eos"))
      let (before, after) = (try adds("bos", model == "llama"), try adds("eos", model == "t5"))
      try self.init(
        pieces, added: pieces.wholeTokens,
        postProcessor: PostProcessor(
          before: before ? [bos].compactMap(\.self) : [],
          after: after ? [eos].compactMap(\.self) : []),
        prefixesFirstOnly: false)
      (bosToken, eosToken) = (bos, eos)
      (unkToken, padToken) = (try known("unknown") ?? unkToken, try known("padding"))
      setTemplate(template, name: file.path)
    default:
      throw TokenizerError.unsupported(
        file: file.path, key: "tokenizer.ggml.model", found: model,
        supported: ["gpt2", "llama", "t5"])
    }
  }

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
    setTemplate(chatTemplate, name: name)
  }

  private mutating func setTemplate(_ text: String?, name: String) {
    guard let text else { return }
    var variables: [String: TemplateValue] = [:]
    for (key, id) in [("bos_token", bosToken), ("eos_token", eosToken)] {
      if let token = id.flatMap({ token(of: $0) }) { variables[key] = .string(token) }
    }
    let template = ChatTemplate(
      unchecked: text, name: "\(name) (tokenizer.chat_template)", variables: variables)
    chatTemplate = template
    chatTemplates = ["default": template]
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
