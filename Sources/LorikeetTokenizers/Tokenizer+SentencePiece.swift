// SPDX-License-Identifier: Apache-2.0

extension Tokenizer {
  /// A tokenizer from the bytes of a SentencePiece model, tokenizer.model.
  ///
  /// It gives the ids that the SentencePiece library gives: no special tokens are laid around a
  /// text, and those that stand in it are text like any other.
  /// - Parameter name: what messages call the bytes.
  /// - Throws: `TokenizerError` if the bytes are not such a file, or its model is neither unigram
  ///   nor byte-pair encoding.
  public init(
    sentencePiece bytes: [UInt8], name: String = "tokenizer.model"
  ) throws(TokenizerError) {
    try self.init(
      try SentencePieceFile(bytes, file: name), added: [], postProcessor: PostProcessor(),
      prefixesFirstOnly: false)
  }

  /// - Parameters:
  ///   - added: tokens that are found in the text before SentencePiece sees it.
  ///   - prefixesFirstOnly: whether text behind an added token goes without the dummy prefix.
  init(
    _ file: SentencePieceFile, added: [AddedToken], postProcessor: PostProcessor,
    prefixesFirstOnly: Bool
  ) throws(TokenizerError) {
    let control = file.controlTokens.filter { token in
      !added.contains { $0.content.utf8.elementsEqual(token.content.utf8) }
    }
    var settings = try file.readSettings()
    settings.prefixesFirstOnly = prefixesFirstOnly
    self.init(
      TokenizerStorage(
        model: try file.readModel(), added: AddedTokens(control + added, normalizer: nil),
        normalizer: nil, preTokenizer: SentencePiecePreTokenizer(settings: settings),
        postProcessor: postProcessor, decoder: SentencePieceDecoder(settings: settings)))
    let special = file.specialPieces
    bosToken = special["bos_token"].flatMap { id(of: $0) }
    eosToken = special["eos_token"].flatMap { id(of: $0) }
    padToken = special["pad_token"].flatMap { id(of: $0) }
    unkToken = special["unk_token"].flatMap { id(of: $0) }
  }
}
