// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetCheckpoints
internal import LorikeetLayers
internal import LorikeetTensors
internal import LorikeetTokenizers

/// The tokenizer of a Hugging Face directory as GGUF's settings.
struct GGUFTokenizerExport {
  let values: [(key: String, value: GGUFWriter.Value)]

  /// Kinds of tokens.
  private enum Kind {
    static let normal = 1
    static let control = 3
    static let userDefined = 4
    static let unused = 5
  }

  /// - Parameter vocabulary: the number of embeddings; tokens are filled up to it.
  /// - Throws: `ConfigurationError` for a tokenizer that is not byte-level BPE, or splits texts in a way
  ///   that GGUF has no name for.
  init(directory: String, vocabulary: Int) throws {
    let path = directory + "/tokenizer.json"
    func refuse(_ reason: String) -> ConfigurationError { ConfigurationError(path: path, reason) }
    let file = try JSONFile.value(from: path)
    guard let model = file["model"], model["type"] ?? "BPE" == "BPE",
      model["byte_fallback"] ?? false == false, case .object(let entries)? = model["vocab"],
      case .array(let pairs)? = model["merges"]
    else { throw refuse("is not byte-level BPE, the tokenizer that is written to GGUF") }
    guard let splitting = Self.splitting(file) else {
      throw refuse("splits texts into words in a way that GGUF has no name for")
    }
    var tokens = [String?](repeating: nil, count: vocabulary)
    var types = [Int](repeating: Kind.unused, count: vocabulary)
    func put(_ token: String, _ id: JSONValue?, _ kind: Int) throws {
      guard case .integer(let id)? = id, tokens.indices.contains(id) else {
        throw refuse("has the token \(token) outside of the model's \(vocabulary) embeddings")
      }
      tokens[id] = token
      types[id] = kind
    }
    for (token, id) in entries { try put(token, id, Kind.normal) }
    if case .array(let added)? = file["added_tokens"] {
      for token in added {
        guard case .string(let content)? = token["content"] else { continue }
        try put(
          content, token["id"], token["special"] == true ? Kind.control : Kind.userDefined)
      }
    }
    let merges = try pairs.map { pair in
      switch pair {
      case .string(let text): return text
      case .array(let parts):
        let texts = parts.compactMap { part in
          if case .string(let text) = part { text } else { nil }
        }
        return texts.joined(separator: " ")
      default: throw refuse("has a merge that is not a pair of tokens")
      }
    }
    var values: [(key: String, value: GGUFWriter.Value)] = [
      ("tokenizer.ggml.model", .string("gpt2")), ("tokenizer.ggml.pre", .string(splitting)),
      (
        "tokenizer.ggml.tokens",
        .strings(tokens.enumerated().map { $1 ?? "[PAD\($0)]" })
      ),
      ("tokenizer.ggml.token_type", .int32s(types)), ("tokenizer.ggml.merges", .strings(merges)),
    ]
    let tokenizer = try Tokenizer(directory: directory)
    for (name, id) in [
      ("bos", tokenizer.bosToken), ("eos", tokenizer.eosToken), ("unknown", tokenizer.unkToken),
      ("padding", tokenizer.padToken),
    ] {
      guard let id, id < vocabulary else { continue }
      values.append(("tokenizer.ggml.\(name)_token_id", .uint32(id)))
    }
    let bos = tokenizer.bosToken
    values.append(
      ("tokenizer.ggml.add_bos_token", .bool(bos != nil && tokenizer.encode("").first == bos)))
    if let template = Self.chatTemplate(directory) {
      values.append(("tokenizer.chat_template", .string(template)))
    }
    self.values = values
  }

  /// The name in `tokenizer.ggml.pre` of the way texts are split.
  private static func splitting(_ file: JSONValue) -> String? {
    var parts: [JSONValue] = []
    if case .array(let members)? = file["pre_tokenizer"]?["pretokenizers"] {
      parts = members
    } else if let only = file["pre_tokenizer"] {
      parts = [only]
    }
    guard let last = parts.popLast(), last["type"] == "ByteLevel",
      last["add_prefix_space"] ?? true == false
    else { return nil }
    if last["use_regex"] ?? true == true {
      switch parts.count {
      case 0: return "gpt-2"
      case 1:
        return parts[0]["type"] == "Digits" && parts[0]["individual_digits"] == true
          ? "smollm" : nil
      default: return nil
      }
    }
    guard parts.count == 1, parts[0]["type"] == "Split",
      case .string(let pattern)? = parts[0]["pattern"]?["Regex"]
    else { return nil }
    return GGUFPreTokenizerName.forPattern(
      pattern, composes: file["normalizer"]?["type"] == "NFC")
  }

  private static func chatTemplate(_ directory: String) -> String? {
    if let data = FileManager.default.contents(atPath: directory + "/chat_template.jinja") {
      return String(decoding: data, as: UTF8.self)
    }
    let configuration = try? JSONFile.value(from: directory + "/tokenizer_config.json")
    guard case .string(let text)? = configuration?["chat_template"] else { return nil }
    return text
  }
}
