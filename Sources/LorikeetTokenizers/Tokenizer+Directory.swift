// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

extension Tokenizer {
  /// A tokenizer from a tokenizer.json.
  ///
  /// - Throws: `TokenizerError` if the file cannot be read, or as `init(json:name:)`.
  public init(file path: String) throws(TokenizerError) {
    try self.init(json: try readBytes(path), name: path)
  }

  /// A tokenizer from a model's directory.
  ///
  /// Reads tokenizer.json, or without it a SentencePiece model, tokenizer.model or spiece.model, or
  /// without both the one GGUF file of the directory; and where they are there added_tokens.json (beside such a model), tokenizer_config.json and
  /// special_tokens_map.json (which tokens begin, end and fill up a text), chat_template.jinja,
  /// additional_chat_templates and chat_template.json. A chat template that is not supported throws
  /// when it is rendered.
  /// - Throws: `TokenizerError` if neither is there, or a file is not what it should be.
  public init(directory: String) throws(TokenizerError) {
    let configuration = try ModelTokenizerFiles(directory)
    if let path = configuration.ggufPath {
      try self.init(ggufPath: path)
      return
    }
    var names = try configuration.specialTokens()
    if let path = configuration.sentencePiecePath {
      let file = try SentencePieceFile(try readBytes(path), file: path)
      names = file.specialPieces.merging(names) { $1 }
      try self.init(
        file, added: try configuration.addedTokens(beside: file, names),
        postProcessor: try configuration.postProcessor(for: file, names),
        prefixesFirstOnly: !(try configuration.isLegacy()))
    } else {
      let path = configuration.path("tokenizer.json")
      try self.init(
        json: try readBytes(path), name: path, moreTokens: try configuration.addedTokens())
    }
    bosToken = names["bos_token"].flatMap { id(of: $0) }
    eosToken = names["eos_token"].flatMap { id(of: $0) }
    padToken = names["pad_token"].flatMap { id(of: $0) }
    unkToken = names["unk_token"].flatMap { id(of: $0) }
    cleansUpSpaces = try configuration.cleansUpSpaces()
    for (name, template) in try configuration.chatTemplates() {
      chatTemplates[name] = ChatTemplate(
        unchecked: template.source, name: template.file,
        variables: names.mapValues { .string($0) })
    }
    chatTemplate =
      chatTemplates["default"] ?? (chatTemplates.count == 1 ? chatTemplates.first?.value : nil)
  }
}

/// The files beside tokenizer.json or tokenizer.model.
struct ModelTokenizerFiles {
  let directory: String
  /// tokenizer_config.json
  let configuration: ConfigurationNode
  /// special_tokens_map.json
  private let map: ConfigurationNode

  init(_ directory: String) throws(TokenizerError) {
    self.directory = directory
    configuration = try ModelTokenizerFiles.node(directory + "/tokenizer_config.json")
    map = try ModelTokenizerFiles.node(directory + "/special_tokens_map.json")
  }

  func path(_ name: String) -> String { directory + "/" + name }

  /// The one GGUF file of a directory without another tokenizer.
  var ggufPath: String? {
    let others = ["tokenizer.json", "tokenizer.model", "spiece.model"]
    guard !others.map(path).contains(where: ModelTokenizerFiles.exists) else { return nil }
    let files = ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [])
      .filter { $0.hasSuffix(".gguf") }
    return files.count == 1 ? path(files[0]) : nil
  }

  /// The object in a file; an empty one if there is no such file.
  static func node(_ path: String) throws(TokenizerError) -> ConfigurationNode {
    let value =
      exists(path)
      ? try JSONReader.parse(try readBytes(path), file: path) : .object(TemplateObject())
    return try ConfigurationNode(file: path, path: "", value: value)
  }

  static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: path)
  }

  /// The tokens of `added_tokens_decoder`, whose keys are ids.
  func addedTokens() throws(TokenizerError) -> [AddedToken] {
    guard let node = try configuration.node("added_tokens_decoder") else { return [] }
    var tokens: [AddedToken] = []
    for key in node.object.keys {
      guard let id = Int(key), (0..<Vocabulary.maximumSize).contains(id),
        let token = try node.node(key)
      else { throw node.invalid(key, "expected an id and the description of a token") }
      tokens.append(try TokenizerFile.addedToken(token, id: id))
    }
    return tokens.sorted { $0.id < $1.id }
  }

  /// `bos_token` and its like, as the templates see them.
  func specialTokens() throws(TokenizerError) -> [String: String] {
    let keys = [
      "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]
    var tokens: [String: String] = [:]
    for key in keys {
      let own = try token(key, in: configuration)
      tokens[key] = own == nil ? try token(key, in: map) : own
    }
    return tokens
  }

  /// A token's text, which stands there as a string or as `{"content": ...}`.
  private func token(
    _ key: String, in node: ConfigurationNode
  ) throws(TokenizerError) -> String? {
    guard let value = node[key] else { return nil }
    if value.objectValue != nil { return try node.node(key)?.string("content") }
    return try node.optionalString(key)
  }

  /// The reference library ignores `clean_up_tokenization_spaces` for byte-pair encodings unless
  /// the second key insists.
  func cleansUpSpaces() throws(TokenizerError) -> Bool {
    let insists = "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"
    let cleansUp = try configuration.bool("clean_up_tokenization_spaces", default: false)
    let isForced = try configuration.bool(insists, default: false)
    return cleansUp && isForced
  }

  /// Templates by name; a file of its own comes before what tokenizer_config.json says.
  func chatTemplates() throws(TokenizerError) -> [String: (source: String, file: String)] {
    var templates: [String: (source: String, file: String)] = [:]
    let jsonPath = path("chat_template.json")
    for node in [try ModelTokenizerFiles.node(jsonPath), configuration] {
      if node["chat_template"]?.arrayValue != nil {
        for entry in try node.nodes("chat_template") {
          let name = try entry.string("name")
          templates[name] = (try entry.string("template"), "\(node.file) (template \(name))")
        }
      } else if let source = try node.optionalString("chat_template") {
        templates["default"] = (source, "\(node.file) (chat_template)")
      }
    }
    let folder = path("additional_chat_templates")
    let more = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for file in more.sorted() where file.hasSuffix(".jinja") {
      let path = folder + "/" + file
      templates[String(file.dropLast(6))] = (try readText(path), path)
    }
    let ownFile = path("chat_template.jinja")
    if ModelTokenizerFiles.exists(ownFile) {
      templates["default"] = (try readText(ownFile), ownFile)
    }
    return templates
  }

  private func readText(_ path: String) throws(TokenizerError) -> String {
    guard let text = String(validating: try readBytes(path), as: UTF8.self) else {
      throw .unreadable(file: path, reason: "is not UTF-8 text")
    }
    return text
  }
}

/// All bytes of a file.
private func readBytes(_ path: String) throws(TokenizerError) -> [UInt8] {
  do {
    return try Storage.mapping(path: path).withBytes { Array($0) }
  } catch {
    throw .unreadable(file: error.path, reason: error.reason)
  }
}
