// SPDX-License-Identifier: Apache-2.0

/// Reads tokenizer.json, the format of Hugging Face's tokenizers library.
///
/// The vocabulary and the merges, nearly all of the file, are read straight into their tables.
struct TokenizerFile {
  let root: ConfigurationNode
  private let model: ConfigurationNode
  private var reader: JSONReader
  private var vocabularyPosition: Int?
  private var mergesPosition: Int?

  init(_ bytes: [UInt8], file: String) throws(TokenizerError) {
    var reader = try JSONReader(bytes, file: file)
    var root = TemplateObject()
    var model: TemplateObject?
    var positions: [String: Int] = [:]
    try reader.forEachMember { (reader, key) throws(TokenizerError) in
      guard key.text == "model", reader.peek() == UInt8(ascii: "{") else {
        root.append(key.text, try reader.readValue())
        return
      }
      var members = TemplateObject()
      try reader.forEachMember { (reader, key) throws(TokenizerError) in
        if key.text == "vocab" || key.text == "merges" {
          _ = reader.peek()
          positions[key.text] = reader.position
          try reader.skipValue()
        } else {
          members.append(key.text, try reader.readValue())
        }
      }
      model = members
    }
    try reader.expectEnd()
    guard let model else {
      throw .invalidValue(file: file, key: "model", reason: "is missing; is this a tokenizer.json?")
    }
    self.root = try ConfigurationNode(file: file, path: "", value: .object(root))
    self.model = try ConfigurationNode(file: file, path: "model", value: .object(model))
    vocabularyPosition = positions["vocab"]
    mergesPosition = positions["merges"]
    self.reader = reader
  }

  // MARK: Added tokens

  func addedTokens(in vocabulary: Vocabulary) throws(TokenizerError) -> [AddedToken] {
    var tokens: [AddedToken] = []
    for node in try root.nodes("added_tokens") {
      var token = try TokenizerFile.addedToken(node, id: try node.integer("id"))
      guard (0..<Vocabulary.maximumSize).contains(token.id) else {
        throw node.invalid("id", "\(token.id) is not between 0 and \(Vocabulary.maximumSize - 1)")
      }
      // A token of the model's keeps the model's id, whatever the list says.
      token.id = vocabulary.id(of: Array(token.content.utf8)) ?? token.id
      tokens.append(token)
    }
    return tokens
  }

  static func addedToken(_ node: ConfigurationNode, id: Int) throws(TokenizerError) -> AddedToken {
    let isSpecial = try node.bool("special", default: false)
    return AddedToken(
      id: id, content: try node.string("content"), isSpecial: isSpecial,
      stripsLeft: try node.bool("lstrip", default: false),
      stripsRight: try node.bool("rstrip", default: false),
      isSingleWord: try node.bool("single_word", default: false),
      isNormalized: try node.bool("normalized", default: !isSpecial))
  }

  // MARK: The model

  func readModel() throws(TokenizerError) -> any TokenizerModel {
    var reader = reader
    if let vocabularyPosition { reader.position = vocabularyPosition }
    // Old files do not say it.
    let isList = vocabularyPosition != nil && reader.peek() == UInt8(ascii: "[")
    let type = try model.optionalString("type") ?? (isList ? "Unigram" : "BPE")
    switch type {
    case "BPE": return try readBPE()
    case "Unigram": return try readUnigram()
    default: throw model.unsupported("type", type, ["BPE", "Unigram"])
    }
  }

  private func readUnigram() throws(TokenizerError) -> UnigramModel {
    guard let start = vocabularyPosition else { throw model.invalid("vocab", "is missing") }
    var reader = reader
    reader.position = start
    guard reader.peek() == UInt8(ascii: "[") else {
      throw model.invalid("vocab", "expected a list of tokens and scores")
    }
    var vocabulary = Vocabulary(capacity: 1 << 16)
    var scores: [Double] = []
    try reader.forEachElement { reader throws(TokenizerError) in
      var token: [UInt8] = []
      var score: Double?
      var count = 0
      try reader.forEachElement { reader throws(TokenizerError) in
        switch count {
        case 0: try reader.readString(into: &token)
        case 1: score = try reader.readValue().numberValue
        default: try reader.skipValue()
        }
        count += 1
      }
      let id = scores.count
      guard count == 2, let score, score.isFinite else {
        throw model.invalid("vocab", "entry \(id): expected a token and its score, a finite number")
      }
      guard vocabulary.insert(token, id: id) else {
        throw model.invalid("vocab", "more than \(Vocabulary.maximumSize) tokens")
      }
      scores.append(score)
    }
    var unknown: Int?
    if model["unk_id"] != nil {
      let id = try model.integer("unk_id")
      guard scores.indices.contains(id) else {
        throw model.invalid("unk_id", "\(id) is not an id of the \(scores.count) tokens")
      }
      unknown = id
    }
    return UnigramModel(
      vocabulary: vocabulary, scores: scores, unknown: unknown,
      byteFallback: try model.bool("byte_fallback", default: false))
  }

  private func readBPE() throws(TokenizerError) -> BPEModel {
    if let dropout = model["dropout"], dropout != .integer(0), dropout != .number(0) {
      throw model.unsupported("dropout", "merging at random")
    }
    var options = BPEModel.Options()
    options.continuingPrefix = Array(
      (try model.optionalString("continuing_subword_prefix") ?? "").utf8)
    options.endSuffix = Array((try model.optionalString("end_of_word_suffix") ?? "").utf8)
    options.fusesUnknown = try model.bool("fuse_unk", default: false)
    options.byteFallback = try model.bool("byte_fallback", default: false)
    options.ignoresMerges = try model.bool("ignore_merges", default: false)

    let vocabulary = try readVocabulary()
    if let unknown = try model.optionalString("unk_token") {
      options.unknown = vocabulary.id(of: Array(unknown.utf8))
      if options.unknown == nil {
        throw model.invalid("unk_token", "'\(unknown)' is not in the vocabulary")
      }
    }
    let merges = try readMerges(vocabulary, prefix: options.continuingPrefix)
    return BPEModel(vocabulary: vocabulary, merges: merges, options: options)
  }

  private func readVocabulary() throws(TokenizerError) -> Vocabulary {
    guard let start = vocabularyPosition else { throw model.invalid("vocab", "is missing") }
    var reader = reader
    reader.position = start
    guard reader.peek() == UInt8(ascii: "{") else {
      throw model.invalid("vocab", "expected an object of tokens and ids")
    }
    var vocabulary = Vocabulary(capacity: 1 << 16)
    try reader.forEachMember { (reader, token) throws(TokenizerError) in
      let id = try reader.readInteger()
      guard vocabulary.insert(token, id: id) else {
        throw model.invalid(
          "vocab",
          "the id \(id) of '\(token.text)' is taken twice or not between 0 and "
            + "\(Vocabulary.maximumSize - 1)")
      }
    }
    return vocabulary
  }

  private func readMerges(
    _ vocabulary: Vocabulary, prefix: [UInt8]
  ) throws(TokenizerError) -> MergeTable {
    guard let start = mergesPosition else { throw model.invalid("merges", "is missing") }
    var reader = reader
    reader.position = start
    var builder = MergeBuilder(vocabulary: vocabulary, prefix: prefix)
    var (left, right): ([UInt8], [UInt8]) = ([], [])
    try reader.forEachElement { reader throws(TokenizerError) in
      if reader.peek() == UInt8(ascii: "[") {
        var count = 0
        try reader.forEachElement { reader throws(TokenizerError) in
          if count == 0 { try reader.readString(into: &left) }
          if count == 1 { try reader.readString(into: &right) }
          if count >= 2 { try reader.skipValue() }
          count += 1
        }
        guard count == 2 else { throw builder.failure("has \(count) parts", in: model) }
        try builder.append(left, 0..<left.count, right, 0..<right.count, in: model)
      } else {
        try reader.readString(into: &left)
        try builder.append(left, in: model)
      }
    }
    return builder.table
  }

  // MARK: The other steps

  func normalizer() throws(TokenizerError) -> (any Normalizer)? {
    try root.node("normalizer").map { node throws(TokenizerError) in
      try TokenizerComponents.normalizer(node)
    }
  }

  func preTokenizer() throws(TokenizerError) -> (any PreTokenizer)? {
    try root.node("pre_tokenizer").map { node throws(TokenizerError) in
      try TokenizerComponents.preTokenizer(node)
    }
  }

  func postProcessor() throws(TokenizerError) -> PostProcessor {
    guard let node = try root.node("post_processor") else { return PostProcessor() }
    return try TokenizerComponents.postProcessor(node)
  }

  func decoder() throws(TokenizerError) -> (any TokenDecoder)? {
    try root.node("decoder").map { node throws(TokenizerError) in
      try TokenizerComponents.decoder(node)
    }
  }
}

/// Collects merges in the order of their ranks.
struct MergeBuilder {
  let vocabulary: Vocabulary
  /// What continuing pieces carry in front; a merge drops the right one's.
  let prefix: [UInt8]
  private(set) var table = MergeTable(capacity: 1 << 16)
  private var rank: UInt32 = 0
  private var joined: [UInt8] = []

  init(vocabulary: Vocabulary, prefix: [UInt8] = []) {
    self.vocabulary = vocabulary
    self.prefix = prefix
  }

  /// Adds a merge written as its two parts with one space between.
  mutating func append(_ merge: [UInt8], in node: ConfigurationNode) throws(TokenizerError) {
    guard let space = merge.firstIndex(of: 0x20),
      !merge[(space + 1)...].contains(0x20)
    else { throw failure("expected two parts with one space between", in: node) }
    try append(merge, 0..<space, merge, space + 1..<merge.count, in: node)
  }

  mutating func append(
    _ left: [UInt8], _ leftRange: Range<Int>, _ right: [UInt8], _ rightRange: Range<Int>,
    in node: ConfigurationNode
  ) throws(TokenizerError) {
    guard let leftID = vocabulary.id(of: left, leftRange),
      let rightID = vocabulary.id(of: right, rightRange)
    else { throw failure("has a part that is not in the vocabulary", in: node) }
    joined.removeAll(keepingCapacity: true)
    joined.append(contentsOf: left[leftRange])
    joined.append(contentsOf: right[rightRange].dropFirst(prefix.count))
    guard let mergedID = vocabulary.id(of: joined) else {
      throw failure("makes '\(joined.text)', which is not in the vocabulary", in: node)
    }
    table.insert(Int32(leftID), Int32(rightID), rank: rank, merged: Int32(mergedID))
    rank &+= 1
  }

  func failure(_ reason: String, in node: ConfigurationNode) -> TokenizerError {
    node.invalid("merges", "merge \(rank): \(reason)")
  }
}
