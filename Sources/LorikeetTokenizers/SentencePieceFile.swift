// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// Reads tokenizer.model, the format of the SentencePiece library.
struct SentencePieceFile {
  let file: String
  private let proto: SPModelProto
  let vocabulary: Vocabulary
  private(set) var kinds: [SentencePieceModel.Kind] = []
  private var scores: [Float] = []
  private let unknown: Int

  init(_ bytes: [UInt8], file: String) throws(TokenizerError) {
    guard let proto = try? SPModelProto(serializedBytes: bytes), !proto.pieces.isEmpty else {
      throw .unreadable(file: file, reason: "is not a SentencePiece model, or is cut short")
    }
    try self.init(proto, file: file)
  }

  /// - Throws: `TokenizerError` for pieces that cannot be told apart, or are not what they claim to be.
  init(_ proto: SPModelProto, file: String) throws(TokenizerError) {
    self.file = file
    self.proto = proto
    var vocabulary = Vocabulary(capacity: proto.pieces.count)
    var unknown: Int?
    for (id, piece) in proto.pieces.enumerated() {
      func invalid(_ reason: String) -> TokenizerError {
        .invalidValue(file: file, key: "pieces[\(id)]", reason: reason)
      }
      let text = Array(piece.piece.utf8)
      let kind = Self.kind(piece.type)
      guard !text.isEmpty else { throw invalid("is empty") }
      guard vocabulary.id(of: text) == nil else { throw invalid("'\(piece.piece)' is there twice") }
      guard vocabulary.insert(text, id: id) else {
        throw invalid("more than \(Vocabulary.maximumSize) pieces")
      }
      guard piece.score.isFinite else {
        throw invalid("the score of '\(piece.piece)' is not a finite number")
      }
      if kind == .byte, ByteFallback.byte(of: text) == nil || !proto.trainerSpec.byteFallback {
        throw invalid("'\(piece.piece)' is a byte in a model without bytes, or no byte")
      }
      if kind == .unknown {
        guard unknown == nil else { throw invalid("a second unknown piece") }
        unknown = id
      }
      kinds.append(kind)
      scores.append(piece.score)
    }
    guard let unknown else {
      throw .invalidValue(file: file, key: "pieces", reason: "none is of the type UNKNOWN")
    }
    self.unknown = unknown
    self.vocabulary = vocabulary
  }

  private static func kind(_ type: SPModelProto.SentencePiece.TypeEnum) -> SentencePieceModel.Kind {
    switch type {
    case .normal: .normal
    case .unknown: .unknown
    case .control: .control
    case .userDefined: .userDefined
    case .unused: .unused
    case .byte: .byte
    }
  }

  /// The pieces that begin, end and fill up a text, and the unknown one.
  var specialPieces: [String: String] {
    let trainer = proto.trainerSpec
    let named = [
      "bos_token": trainer.bosPiece, "eos_token": trainer.eosPiece, "pad_token": trainer.padPiece,
    ].filter { entry in
      vocabulary.id(of: Array(entry.value.utf8)).map { kinds[$0] == .control } ?? false
    }
    return named.merging(["unk_token": proto.pieces[unknown].piece]) { $1 }
  }

  /// The control pieces: never found in a text, and left out of decoded text.
  var controlTokens: [AddedToken] {
    kinds.indices.filter { kinds[$0] == .control }.map {
      AddedToken(id: $0, content: proto.pieces[$0].piece, isSpecial: true, isLookedFor: false)
    }
  }

  private var userDefined: TokenTrie {
    var trie = TokenTrie()
    for id in kinds.indices where kinds[id] == .userDefined {
      trie.insert(Array(proto.pieces[id].piece.utf8), id)
    }
    return trie
  }

  func readModel() throws(TokenizerError) -> SentencePieceModel {
    let trainer = proto.trainerSpec
    let isUnigram: Bool
    switch trainer.modelType {
    case .unigram: isUnigram = true
    case .bpe: isUnigram = false
    case .word, .char:
      throw .unsupported(
        file: file, key: "trainer_spec.model_type",
        found: trainer.modelType == .word ? "WORD" : "CHAR", supported: ["UNIGRAM", "BPE"])
    }
    var byteTokens: ByteTokens?
    if trainer.byteFallback {
      byteTokens = ByteTokens(vocabulary)
      guard kinds.count(where: { $0 == .byte }) == 256 else {
        throw .invalidValue(
          file: file, key: "pieces", reason: "expected a piece for each of the 256 bytes")
      }
    }
    return SentencePieceModel(
      vocabulary: vocabulary, kinds: kinds, scores: scores, unknown: unknown,
      byteTokens: byteTokens, userDefined: userDefined, isUnigram: isUnigram)
  }

  func readSettings() throws(TokenizerError) -> SentencePieceSettings {
    let (normalizer, trainer) = (proto.normalizerSpec, proto.trainerSpec)
    guard proto.denormalizerSpec.precompiledCharsmap.isEmpty else {
      throw .unsupported(
        file: file, key: "denormalizer_spec", found: "rewriting decoded text", supported: [])
    }
    var settings = SentencePieceSettings()
    settings.addsDummyPrefix = normalizer.addDummyPrefix
    settings.removesExtraSpaces = normalizer.removeExtraWhitespaces
    settings.escapesSpaces = normalizer.escapeWhitespaces
    settings.spaceIsSuffix = trainer.treatWhitespaceAsSuffix
    settings.byteFallback = trainer.byteFallback
    settings.userDefined = userDefined
    settings.unknown = (Array(proto.pieces[unknown].piece.utf8), Array(trainer.unkSurface.utf8))
    if !normalizer.precompiledCharsmap.isEmpty {
      do {
        settings.charsmap = try Charsmap(Array(normalizer.precompiledCharsmap))
      } catch {
        throw .invalidValue(
          file: file, key: "normalizer_spec.precompiled_charsmap", reason: "\(error)")
      }
    }
    return settings
  }
}
