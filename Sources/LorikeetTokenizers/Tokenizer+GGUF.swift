// SPDX-License-Identifier: Apache-2.0

public import LorikeetCheckpoints
internal import LorikeetTensors

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
    switch model {
    case "gpt2":
      let pre = try file.string("tokenizer.ggml.pre") ?? "default"
      try self.init(
        gguf: try file.require("tokenizer.ggml.tokens", file.strings),
        merges: try file.require("tokenizer.ggml.merges", file.strings),
        types: try file.require("tokenizer.ggml.token_type", file.integers), preTokenizer: pre,
        bosToken: try id("bos"), eosToken: try id("eos"), unkToken: try id("unknown"),
        padToken: try id("padding"), addsBOS: try adds("bos", GGUFSplitting.addsBOS(pre)),
        addsEOS: try adds("eos", false),
        chatTemplate: try file.string("tokenizer.chat_template"), name: file.path)
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
      if let source = try file.string("tokenizer.chat_template") {
        addTemplate(source, "default", key: "tokenizer.chat_template", file.path)
      }
    default:
      throw TokenizerError.unsupported(
        file: file.path, key: "tokenizer.ggml.model", found: model,
        supported: ["gpt2", "llama", "t5"])
    }
    for name in try file.strings("tokenizer.chat_templates") ?? [] {
      let key = "tokenizer.chat_template.\(name)"
      if let source = try file.string(key) { addTemplate(source, name, key: key, file.path) }
    }
  }

  /// The tokenizer in the GGUF file at a path.
  init(ggufPath path: String) throws(TokenizerError) {
    do {
      try self.init(gguf: try GGUFFile(path: path))
    } catch let error as TokenizerError {
      throw error
    } catch let error as CheckpointError {
      throw TokenizerError(error, file: path)
    } catch {
      throw .unreadable(file: path, reason: "\(error)")
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
    let kind = try GGUFSplitting.named(preTokenizer, in: node)
    var vocabulary = Vocabulary(capacity: tokens.count)
    var added: [AddedToken] = []
    for (id, token) in tokens.enumerated() {
      guard vocabulary.insert(Array(token.utf8), id: id) else {
        throw node.invalid("tokens", "more than \(Vocabulary.maximumSize) tokens")
      }
      // Old files call what begins and ends texts ordinary tokens.
      let isEnd = (id == bosToken || id == eosToken) && token.hasPrefix("<") && token.hasSuffix(">")
      if isEnd || types[id] == 3 || types[id] == 4 {
        added.append(AddedToken(id: id, content: token, isSpecial: isEnd || types[id] == 3))
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
        normalizer: kind.composes ? UnicodeNormalizer.nfc : nil,
        preTokenizer: try kind.preTokenizer(node),
        postProcessor: PostProcessor(
          before: addsBOS ? [bos].compactMap(\.self) : [],
          after: addsEOS ? [eos].compactMap(\.self) : []),
        decoder: ByteLevelDecoder()))
    self.bosToken = bos
    self.eosToken = eos
    self.unkToken = inRange(unkToken)
    self.padToken = inRange(padToken)
    if let chatTemplate {
      addTemplate(chatTemplate, "default", key: "tokenizer.chat_template", name)
    }
  }

  /// - Parameters:
  ///   - key: where in the file the template stands.
  ///   - file: what messages call the file.
  private mutating func addTemplate(_ source: String, _ name: String, key: String, _ file: String) {
    var variables: [String: TemplateValue] = [:]
    if let token = bosToken.flatMap({ token(of: $0) }) { variables["bos_token"] = .string(token) }
    if let token = eosToken.flatMap({ token(of: $0) }) { variables["eos_token"] = .string(token) }
    chatTemplates[name] = ChatTemplate(
      unchecked: source, name: "\(file) (\(key))", variables: variables)
    if name == "default" { chatTemplate = chatTemplates[name] }
  }
}

extension TokenizerError {
  fileprivate init(_ error: CheckpointError, file: String) {
    switch error {
    case .file(let error): self = .unreadable(file: error.path, reason: error.reason)
    case .configuration(_, let key, let reason):
      self = .invalidValue(file: file, key: key, reason: reason)
    case .malformed(_, _, let reason): self = .unreadable(file: file, reason: reason)
    case .mismatch: self = .unreadable(file: file, reason: error.description)
    }
  }
}
