// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Makes the steps of a tokenizer from their descriptions in tokenizer.json.
///
/// A new kind of step is a new case here and a type of its own.
enum TokenizerComponents {
  // MARK: Normalisers

  static func normalizer(_ node: ConfigurationNode) throws(TokenizerError) -> any Normalizer {
    let type = try node.string("type")
    if let form = UnicodeNormalizer(rawValue: type) { return form }
    switch type {
    case "Lowercase": return LowercaseNormalizer()
    case "Nmt": return NMTNormalizer()
    case "Precompiled":
      let key = "precompiled_charsmap"
      let source = try node.string(key)
      do {
        guard let data = Data(base64Encoded: source) else { throw CharsmapError.notBase64 }
        return PrecompiledNormalizer(charsmap: try Charsmap(Array(data)))
      } catch { throw node.invalid(key, "\(error)") }
    case "StripAccents": return StripAccentsNormalizer()
    case "Prepend": return PrependNormalizer(prefix: Array(try node.string("prepend").utf8))
    case "Strip":
      return StripNormalizer(
        left: try node.bool("strip_left", default: true),
        right: try node.bool("strip_right", default: true))
    case "Replace":
      let content = Array(try node.string("content").utf8)
      func make(_ pattern: some SplitPattern) -> any Normalizer {
        ReplaceNormalizer(pattern: pattern, content: content)
      }
      return make(try pattern(node))
    case "Sequence":
      var members: [any Normalizer] = []
      for member in try node.nodes("normalizers") { members.append(try normalizer(member)) }
      return SequenceNormalizer(members: members)
    default:
      throw node.unsupported(
        "type", type,
        UnicodeNormalizer.allCases.map(\.rawValue)
          + [
            "Lowercase", "Nmt", "Precompiled", "Prepend", "Replace", "Sequence", "Strip",
            "StripAccents",
          ])
    }
  }

  // MARK: Pre-tokenizers

  static func preTokenizer(_ node: ConfigurationNode) throws(TokenizerError) -> any PreTokenizer {
    let type = try node.string("type")
    switch type {
    case "ByteLevel":
      return ByteLevelPreTokenizer(
        addPrefixSpace: try node.bool("add_prefix_space", default: true),
        usesPattern: try node.bool("use_regex", default: true))
    case "Digits":
      let alone = try node.bool("individual_digits", default: false)
      return SplitPreTokenizer(
        pattern: ScalarPattern(matches: CharacterClass.isNumeric),
        behavior: alone ? .isolated : .contiguous)
    case "Punctuation":
      let isPunctuation: @Sendable (UInt32) -> Bool = {
        CharacterClass.of($0).contains(.punctuation)
      }
      return SplitPreTokenizer(
        pattern: ScalarPattern(matches: isPunctuation),
        behavior: try node.choice("behavior", default: .isolated))
    case "Whitespace": return WhitespacePreTokenizer()
    case "WhitespaceSplit":
      let isSpace: @Sendable (UInt32) -> Bool = { CharacterClass.of($0).contains(.space) }
      return SplitPreTokenizer(pattern: ScalarPattern(matches: isSpace), behavior: .removed)
    case "Split":
      let behavior: SplitBehavior = try node.choice("behavior", default: .isolated)
      let invert = try node.bool("invert", default: false)
      return split(try pattern(node), behavior, invert: invert)
    case "Metaspace":
      let (replacement, scheme) = try metaspace(node)
      return MetaspacePreTokenizer(
        replacement: replacement, prependScheme: scheme,
        splits: try node.bool("split", default: true))
    case "Sequence":
      var members: [any PreTokenizer] = []
      for member in try node.nodes("pretokenizers") { members.append(try preTokenizer(member)) }
      return SequencePreTokenizer(members: members)
    default:
      throw node.unsupported(
        "type", type,
        [
          "ByteLevel", "Digits", "Metaspace", "Punctuation", "Sequence", "Split", "Whitespace",
          "WhitespaceSplit",
        ])
    }
  }

  // MARK: Post-processors

  static func postProcessor(_ node: ConfigurationNode) throws(TokenizerError) -> PostProcessor {
    let type = try node.string("type")
    switch type {
    case "ByteLevel":
      // It only trims the offsets of tokens, which are not kept here.
      return PostProcessor()
    case "TemplateProcessing": return try templateProcessor(node)
    case "RobertaProcessing", "BertProcessing":
      return PostProcessor(before: [try pairID(node, "cls")], after: [try pairID(node, "sep")])
    case "Sequence":
      var result = PostProcessor()
      for member in try node.nodes("processors") {
        result = result.followed(by: try postProcessor(member))
      }
      return result
    default:
      throw node.unsupported(
        "type", type,
        ["BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing"])
    }
  }

  private static func templateProcessor(
    _ node: ConfigurationNode
  ) throws(TokenizerError) -> PostProcessor {
    var result = PostProcessor()
    var texts = 0
    for item in try node.nodes("single") {
      if try item.node("Sequence") != nil {
        texts += 1
      } else if let special = try item.node("SpecialToken") {
        let name = try special.string("id")
        guard let token = try node.node("special_tokens")?.node(name),
          let ids = token["ids"]?.arrayValue
        else { throw node.invalid("special_tokens", "has no ids for '\(name)'") }
        for id in ids {
          guard let id = id.integerValue, (0..<Vocabulary.maximumSize).contains(id) else {
            throw node.invalid("special_tokens", "a bad id for '\(name)'")
          }
          if texts == 0 { result.before.append(id) } else { result.after.append(id) }
        }
      }
    }
    guard texts == 1 else {
      throw node.unsupported("single", "a template with \(texts) texts in place of one")
    }
    return result
  }

  /// The id in `["</s>", 2]`.
  private static func pairID(
    _ node: ConfigurationNode, _ key: String
  ) throws(TokenizerError) -> Int {
    guard let pair = node[key]?.arrayValue, pair.count == 2, let id = pair[1].integerValue,
      (0..<Vocabulary.maximumSize).contains(id)
    else { throw node.invalid(key, "expected a token and its id") }
    return id
  }

  // MARK: Decoders

  static func decoder(_ node: ConfigurationNode) throws(TokenizerError) -> any TokenDecoder {
    let type = try node.string("type")
    switch type {
    case "ByteLevel": return ByteLevelDecoder()
    case "ByteFallback": return ByteFallbackDecoder()
    case "Fuse": return FuseDecoder()
    case "BPEDecoder":
      return WordSuffixDecoder(suffix: Array((try node.optionalString("suffix") ?? "</w>").utf8))
    case "Metaspace":
      let (replacement, scheme) = try metaspace(node)
      return MetaspaceDecoder(replacement: replacement, prependScheme: scheme)
    case "Strip":
      let content = Array(try node.string("content").utf8)
      guard !content.isEmpty else { throw node.invalid("content", "is empty") }
      return StripDecoder(
        content: content, start: max(0, try node.integer("start")),
        stop: max(0, try node.integer("stop")))
    case "Replace":
      let content = Array(try node.string("content").utf8)
      func make(_ pattern: some SplitPattern) -> any TokenDecoder {
        ReplaceDecoder(pattern: pattern, content: content)
      }
      return make(try pattern(node))
    case "Sequence":
      var members: [any TokenDecoder] = []
      for member in try node.nodes("decoders") { members.append(try decoder(member)) }
      return SequenceDecoder(members: members)
    default:
      throw node.unsupported(
        "type", type,
        [
          "BPEDecoder", "ByteFallback", "ByteLevel", "Fuse", "Metaspace", "Replace", "Sequence",
          "Strip",
        ])
    }
  }

  // MARK: Shared parts

  /// `"pattern": {"String": ...}` or `{"Regex": ...}`.
  private static func pattern(
    _ node: ConfigurationNode
  ) throws(TokenizerError) -> any SplitPattern {
    guard let pattern = try node.node("pattern") else {
      throw node.invalid("pattern", "is missing")
    }
    if let literal = try pattern.optionalString("String") {
      return LiteralPattern(literal: Array(literal.utf8))
    }
    return try regex(try pattern.string("Regex"), pattern, key: "Regex")
  }

  /// A regular expression by the fastest of the engines that know it.
  private static func regex(
    _ source: String, _ node: ConfigurationNode, key: String
  ) throws(TokenizerError) -> any SplitPattern {
    if let scanner = PatternScanner.known(source) { return scanner }
    if let regex = SplitRegex(source) { return regex }
    guard let regex = RegexPattern(source) else {
      throw node.unsupported(key, "the regular expression \(source)")
    }
    return regex
  }

  private static func split(
    _ pattern: some SplitPattern, _ behavior: SplitBehavior, invert: Bool = false
  ) -> any PreTokenizer {
    SplitPreTokenizer(pattern: pattern, behavior: behavior, invert: invert)
  }

  /// A pre-tokenizer that makes a piece of each match of a regular expression and of what lies
  /// between; `node` has the key `pre`, for messages.
  static func split(
    _ source: String, _ node: ConfigurationNode
  ) throws(TokenizerError) -> any PreTokenizer {
    split(try regex(source, node, key: "pre"), .isolated)
  }

  private static func metaspace(
    _ node: ConfigurationNode
  ) throws(TokenizerError) -> ([UInt8], MetaspacePreTokenizer.PrependScheme) {
    let replacement = try node.optionalString("replacement") ?? "\u{2581}"
    guard replacement.unicodeScalars.count == 1 else {
      throw node.invalid("replacement", "expected one character, found '\(replacement)'")
    }
    // Old files say `add_prefix_space`.
    let fallback: MetaspacePreTokenizer.PrependScheme =
      try node.bool("add_prefix_space", default: true) ? .always : .never
    return (Array(replacement.utf8), try node.choice("prepend_scheme", default: fallback))
  }
}

/// `\w+|[^\w\s]+`, without the white space between.
struct WhitespacePreTokenizer: PreTokenizer {
  func split(_ pieces: Pieces) -> Pieces {
    pieces.cut { text, range, keep in
      var start = range.lowerBound
      var kind: CharacterClass = []
      var index = start
      while index < range.upperBound {
        let (scalar, next) = text.scalar(at: index, end: range.upperBound)
        let found = CharacterClass.of(scalar)
        // A character that is both, if there were one, would count as part of a word.
        let own: CharacterClass = found.contains(.word) ? .word : found.intersection(.space)
        if own != kind {
          if kind != .space { keep(start..<index) }
          (start, kind) = (index, own)
        }
        index = next
      }
      if kind != .space { keep(start..<range.upperBound) }
    }
  }
}
