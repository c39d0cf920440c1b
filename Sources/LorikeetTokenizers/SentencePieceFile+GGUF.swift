// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetCheckpoints

extension SentencePieceFile {
  /// The model whose pieces stand in a GGUF file: `tokenizer.ggml.model` is `llama` for byte pairs
  /// joined by score, `t5` for unigrams. The kinds of pieces have SentencePiece's own numbers.
  ///
  /// Special tokens are those that the file names by id.
  init(gguf file: GGUFFile, isUnigram: Bool) throws {
    func refuse(_ key: String, _ reason: String) -> TokenizerError {
      .invalidValue(file: file.path, key: "tokenizer.ggml." + key, reason: reason)
    }
    let tokens = try file.require("tokenizer.ggml.tokens", file.strings)
    let scores = try file.require("tokenizer.ggml.scores", file.numbers)
    let types = try file.require("tokenizer.ggml.token_type", file.integers)
    for (key, count) in [("scores", scores.count), ("token_type", types.count)]
    where count != tokens.count {
      throw refuse(key, "expected \(tokens.count) values, one a token, found \(count)")
    }
    var proto = SPModelProto()
    for (id, token) in tokens.enumerated() {
      guard let type = SPModelProto.SentencePiece.TypeEnum(rawValue: types[id]) else {
        throw refuse("token_type", "\(types[id]) is no kind of token")
      }
      var piece = SPModelProto.SentencePiece()
      piece.piece = token
      piece.score = Float(scores[id])
      piece.type = type
      proto.pieces.append(piece)
    }
    let unknown = try file.integer("tokenizer.ggml.unknown_token_id")
    if !proto.pieces.contains(where: { $0.type == .unknown }) {
      // Some writers call it a control token.
      guard let unknown, proto.pieces.indices.contains(unknown) else {
        throw refuse("unknown_token_id", "there is no unknown token")
      }
      proto.pieces[unknown].type = .unknown
    }
    proto.trainerSpec.modelType = isUnigram ? .unigram : .bpe
    proto.trainerSpec.byteFallback = types.contains(
      SPModelProto.SentencePiece.TypeEnum.byte.rawValue)
    func isSet(_ key: String, _ fallback: Bool) throws -> Bool {
      try file.bool("tokenizer.ggml." + key) ?? fallback
    }
    proto.normalizerSpec.addDummyPrefix = try isSet("add_space_prefix", !isUnigram)
    proto.normalizerSpec.removeExtraWhitespaces = try isSet("remove_extra_whitespaces", false)
    proto.normalizerSpec.escapeWhitespaces = try isSet("escape_whitespaces", true)
    if isUnigram, let rules = try file.integers("tokenizer.ggml.precompiled_charsmap") {
      proto.normalizerSpec.precompiledCharsmap = Data(rules.map { UInt8(truncatingIfNeeded: $0) })
    }
    try self.init(proto, file: file.path)
  }

  /// The tokens that are found in a text before it is cut into pieces: control tokens, the
  /// unknown one, and those that users defined.
  var wholeTokens: [AddedToken] {
    kinds.indices.compactMap { id in
      guard [.control, .userDefined, .unknown].contains(kinds[id]),
        let token = vocabulary.token(of: id)
      else { return nil }
      return AddedToken(
        id: id, content: String(decoding: token, as: UTF8.self),
        isSpecial: kinds[id] != .userDefined)
    }
  }
}
