// SPDX-License-Identifier: Apache-2.0

internal import LorikeetCheckpoints

/// The tokenizer inside a GGUF file, in the form of `tokenizer.json` and its companions.
struct GGUFTokenizer {
  private let tokens: [String]
  private let merges: [String]
  private let types: [Int]
  private let splitsDigits: Bool
  private let template: String?
  private let special: [(key: String, id: Int)]

  /// Kinds of tokens in GGUF that text is searched for before it is split.
  private enum Kind {
    static let control = 3
    static let userDefined = 4
  }

  /// - Throws: `CheckpointError` for a tokenizer that is not byte-level BPE, or one whose way of
  ///   splitting text into words is not known.
  init(_ file: GGUFFile) throws(CheckpointError) {
    func unsupported(_ key: String, _ value: String, _ expected: String) -> CheckpointError {
      .configuration(path: file.path, key: key, reason: "is \(value), expected \(expected)")
    }
    let model = try file.require("tokenizer.ggml.model", file.string)
    guard model == "gpt2" else {
      throw unsupported("tokenizer.ggml.model", model, "gpt2 (byte-level BPE)")
    }
    let words = try file.string("tokenizer.ggml.pre") ?? "default"
    switch words {
    case "smollm": splitsDigits = true
    case "gpt-2", "gpt2": splitsDigits = false
    default: throw unsupported("tokenizer.ggml.pre", words, "smollm or gpt-2")
    }
    tokens = try file.require("tokenizer.ggml.tokens", file.strings)
    merges = try file.require("tokenizer.ggml.merges", file.strings)
    types = try file.require("tokenizer.ggml.token_type", file.integers)
    guard types.count == tokens.count else {
      throw unsupported(
        "tokenizer.ggml.token_type", "\(types.count) values long", "\(tokens.count)")
    }
    guard merges.allSatisfy({ $0.split(separator: " ").count == 2 }) else {
      throw unsupported("tokenizer.ggml.merges", "malformed", "pairs of tokens")
    }
    template = try file.string("tokenizer.chat_template")
    var special: [(String, Int)] = []
    for (key, name) in [
      ("bos_token", "bos"), ("eos_token", "eos"), ("unk_token", "unknown"),
      ("pad_token", "padding"),
    ] {
      let source = "tokenizer.ggml.\(name)_token_id"
      guard let id = try file.integer(source) else { continue }
      guard tokens.indices.contains(id) else {
        throw unsupported(source, "\(id)", "an id below \(tokens.count)")
      }
      special.append((key, id))
    }
    self.special = special
  }

  func write(to directory: ModelDirectory, contextLength: Int) throws(RegistryError) {
    try directory.write(tokenizer, as: "tokenizer.json")
    try directory.write(configuration(contextLength), as: "tokenizer_config.json")
    try directory.write(specialTokens, as: "special_tokens_map.json")
    if let template { try directory.write(template, as: "chat_template.jinja") }
  }

  private var added: [(id: Int, isSpecial: Bool)] {
    types.enumerated().compactMap { id, type in
      switch type {
      case Kind.control: (id, true)
      case Kind.userDefined: (id, false)
      default: nil
      }
    }
  }

  /// The layout of the Hugging Face tokenizers library.
  private var tokenizer: JSONValue {
    let byteLevel: [(String, JSONValue)] = [
      ("type", "ByteLevel"), ("add_prefix_space", false), ("trim_offsets", true),
      ("use_regex", true),
    ]
    return [
      "version": "1.0",
      "truncation": nil,
      "padding": nil,
      "added_tokens": .array(
        added.map { .object([("id", .integer($0.id))] + flags($0.id, $0.isSpecial)) }),
      "normalizer": nil,
      "pre_tokenizer": splitsDigits
        ? [
          "type": "Sequence",
          "pretokenizers": [
            ["type": "Digits", "individual_digits": true], .object(byteLevel),
          ],
        ] : .object(byteLevel),
      "post_processor": nil,
      "decoder": [
        "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true,
      ],
      "model": [
        "type": "BPE",
        "dropout": nil,
        "unk_token": nil,
        "continuing_subword_prefix": nil,
        "end_of_word_suffix": nil,
        "fuse_unk": false,
        "byte_fallback": false,
        "ignore_merges": false,
        "vocab": .object(tokens.enumerated().map { ($1, .integer($0)) }),
        "merges": .array(merges.map(JSONValue.string)),
      ],
    ]
  }

  private func flags(_ id: Int, _ isSpecial: Bool) -> [(String, JSONValue)] {
    [
      ("content", .string(tokens[id])), ("single_word", false), ("lstrip", false),
      ("rstrip", false), ("normalized", false), ("special", .bool(isSpecial)),
    ]
  }

  private var specialTokens: JSONValue {
    .object(special.map { ($0.key, .string(tokens[$0.id])) })
  }

  private func configuration(_ contextLength: Int) -> JSONValue {
    var members: [(String, JSONValue)] = [
      ("add_prefix_space", false),
      (
        "added_tokens_decoder",
        .object(added.map { (String($0.id), .object(flags($0.id, $0.isSpecial))) })
      ),
    ]
    members += special.map { ($0.key, .string(tokens[$0.id])) }
    members += [
      ("clean_up_tokenization_spaces", false), ("model_max_length", .integer(contextLength)),
      ("tokenizer_class", "PreTrainedTokenizerFast"),
    ]
    if let template { members.append(("chat_template", .string(template))) }
    return .object(members.sorted { $0.0 < $1.0 })
  }
}
