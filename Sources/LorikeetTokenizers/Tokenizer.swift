// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Turns text into token ids and back, as the reference library does with the same files.
///
/// A value of this type is a reference to immutable tables, cheap to copy and safe to use from
/// several threads at once. Made from a model's directory, from tokenizer.json, or from the arrays
/// in a GGUF file.
public struct Tokenizer: Sendable {
  /// The conversation template, if the model has one; of several, the one named `default`.
  public package(set) var chatTemplate: ChatTemplate?
  /// All conversation templates by name.
  public package(set) var chatTemplates: [String: ChatTemplate] = [:]
  /// The id of the token that ends an answer or a text.
  public package(set) var eosToken: Int?
  /// The id of the token that begins a text.
  public package(set) var bosToken: Int?
  /// The id of the token that fills up shorter rows of a batch.
  public package(set) var padToken: Int?
  /// The id of the token that stands for what the vocabulary lacks.
  public package(set) var unkToken: Int?
  /// Whether `decode` removes the spaces before punctuation and contractions.
  package var cleansUpSpaces = false

  private let storage: TokenizerStorage

  init(_ storage: TokenizerStorage) { self.storage = storage }

  /// A tokenizer from the bytes of a tokenizer.json.
  ///
  /// - Parameter name: what messages call the bytes.
  /// - Throws: `TokenizerError` if the bytes are not such a file, or it asks for something that is
  ///   not supported.
  public init(json: [UInt8], name: String = "tokenizer.json") throws(TokenizerError) {
    try self.init(json: json, name: name, moreTokens: [])
  }

  /// - Parameter moreTokens: added tokens that stand in another file; those tokenizer.json has
  /// itself
  ///   are left out.
  init(
    json: [UInt8], name: String, moreTokens: [AddedToken]
  ) throws(TokenizerError) {
    let file = try TokenizerFile(json, file: name)
    let model = try file.readModel()
    let normalizer = try file.normalizer()
    var added = try file.addedTokens(in: model.vocabulary)
    for token in moreTokens
    where !added.contains(where: { $0.content.utf8.elementsEqual(token.content.utf8) }) {
      added.append(token)
    }
    self.init(
      TokenizerStorage(
        model: model, added: AddedTokens(added, normalizer: normalizer), normalizer: normalizer,
        preTokenizer: try file.preTokenizer(), postProcessor: try file.postProcessor(),
        decoder: try file.decoder()))
  }

  /// The token ids of a text.
  ///
  /// - Parameters:
  ///   - text: any text; special tokens in it, as `<|im_end|>`, become their ids.
  ///   - addSpecialTokens: whether to lay around it what the file asks for, as bos and eos.
  public func encode(_ text: String, addSpecialTokens: Bool = true) -> [Int] {
    let ids = storage.encode(Array(text.utf8))
    return addSpecialTokens ? storage.postProcessor.process(ids) : ids
  }

  /// The text of token ids.
  ///
  /// Bytes that are no UTF-8 become U+FFFD. For text that arrives id by id use `StreamingDecoder`.
  /// - Parameter skipSpecialTokens: whether tokens marked special, as `<|im_end|>`, are left out.
  /// - Throws: `TokenizerError.unknownTokenID` if the vocabulary has no such id.
  public func decode(
    _ ids: [Int], skipSpecialTokens: Bool = true
  ) throws(TokenizerError) -> String {
    for id in ids where storage.token(of: id) == nil {
      throw .unknownTokenID(id, vocabularySize: vocabularySize)
    }
    let text = decodePlain(ids, skipSpecialTokens: skipSpecialTokens)
    return cleansUpSpaces ? TextCleanup.apply(to: text) : text
  }

  /// The text with all its spaces, ids that no token has left out.
  func decodePlain(_ ids: [Int], skipSpecialTokens: Bool) -> String {
    storage.decode(ids, skipSpecialTokens: skipSpecialTokens)
  }

  /// One more than the highest id, added tokens included.
  public var vocabularySize: Int { max(storage.model.vocabulary.size, storage.added.size) }

  /// The id of a token as it stands in the vocabulary, as `Ġthe` or `<|im_end|>`.
  public func id(of token: String) -> Int? {
    let bytes = Array(token.utf8)
    return storage.added.id(of: bytes) ?? storage.model.vocabulary.id(of: bytes)
  }

  /// The token with an id, as it stands in the vocabulary.
  public func token(of id: Int) -> String? { storage.token(of: id)?.text }

  /// Whether a token is marked special: left out of decoded text.
  public func isSpecial(_ id: Int) -> Bool { storage.added[id: id]?.isSpecial ?? false }

  /// Whether the text of a token depends on whether the next is one for a byte too.
  func joinsNext(_ id: Int) -> Bool {
    guard storage.decoder?.joinsByteTokens ?? false, let token = storage.token(of: id) else {
      return false
    }
    return ByteFallback.byte(of: token) != nil
  }

  /// The added tokens, in the order of the file.
  package var addedTokens: [AddedToken] { storage.added.tokens }
}

/// The steps of a tokenizer, and the pieces it has seen.
final class TokenizerStorage: Sendable {
  let model: any TokenizerModel
  let added: AddedTokens
  let normalizer: (any Normalizer)?
  let preTokenizer: (any PreTokenizer)?
  let postProcessor: PostProcessor
  let decoder: (any TokenDecoder)?
  /// Lent to one caller at a time; whoever comes meanwhile works with a new one.
  private let cache = Mutex<PieceCache?>(nil)

  init(
    model: any TokenizerModel, added: AddedTokens, normalizer: (any Normalizer)?,
    preTokenizer: (any PreTokenizer)?, postProcessor: PostProcessor, decoder: (any TokenDecoder)?
  ) {
    self.model = model
    self.added = added
    self.normalizer = normalizer
    self.preTokenizer = preTokenizer
    self.postProcessor = postProcessor
    self.decoder = decoder
  }

  func encode(_ text: [UInt8]) -> [Int] {
    var cache = self.cache.withLock { $0.take() } ?? PieceCache()
    var ids: [Int] = []
    ids.reserveCapacity(text.count / 3 + 8)
    for part in added.split(text, normalized: false) {
      switch part {
      case .token(let id): ids.append(id)
      case .text(let range):
        let isWhole = range.count == text.count
        let section = isWhole ? text : Array(text[range])
        let startsText = range.lowerBound == 0 && !removesStart(of: section)
        encode(normalizer?.normalize(section) ?? section, startsText, &cache, &ids)
      }
    }
    self.cache.withLock { $0 = cache }
    return ids
  }

  /// Whether the normaliser takes out the first character; what follows then does not count as the
  /// beginning of the text, as in the reference library.
  private func removesStart(of text: [UInt8]) -> Bool {
    guard let normalizer, !text.isEmpty else { return false }
    return normalizer.takesOut(Array(text[..<text.scalar(at: 0, end: text.count).next]))
  }

  /// Encodes normalised text in which there may be tokens that match such text.
  private func encode(
    _ text: [UInt8], _ startsText: Bool, _ cache: inout PieceCache, _ ids: inout [Int]
  ) {
    for part in added.split(text, normalized: true) {
      switch part {
      case .token(let id): ids.append(id)
      case .text(let range):
        let section = range.count == text.count ? text : Array(text[range])
        var pieces = Pieces(text: section, startsText: startsText && range.lowerBound == 0)
        if let preTokenizer { pieces = preTokenizer.split(pieces) }
        for piece in pieces.ranges { model.tokenize(pieces.bytes, piece, &cache, &ids) }
      }
    }
  }

  func token(of id: Int) -> [UInt8]? {
    added.text(of: id) ?? model.vocabulary.token(of: id)
  }

  func decode(_ ids: [Int], skipSpecialTokens: Bool) -> String {
    var tokens: [[UInt8]] = []
    tokens.reserveCapacity(ids.count)
    for id in ids {
      if skipSpecialTokens, added[id: id]?.isSpecial == true { continue }
      if let token = token(of: id) { tokens.append(token) }
    }
    guard let decoder else { return Array(tokens.joined(separator: [0x20])).text }
    return Array(decoder.decode(tokens).joined()).text
  }
}

/// What `clean_up_tokenization_spaces` asks for.
enum TextCleanup {
  private static let replacements: [(LiteralPattern, [UInt8])] = [
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"),
    (" 'm", "'m"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
  ].map { (LiteralPattern(literal: Array($0.0.utf8)), Array($0.1.utf8)) }

  /// Where a text can be cut so that both parts, cleaned up, are the whole, cleaned up, whatever
  /// follows: all that is replaced begins with a space and is at most four bytes long.
  static func stableEnd(of text: [UInt8]) -> Int {
    var run = 0
    for index in text.indices.reversed() {
      run = text[index] == 0x20 ? 0 : run + 1
      if run == 3 { return index + 3 }
    }
    return 0
  }

  static func apply(to text: String) -> String {
    replacements.reduce(Array(text.utf8)) { text, replacement in
      replace(in: text, replacement.0, with: replacement.1)
    }.text
  }
}
