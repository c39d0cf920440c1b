// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
internal import LorikeetTensors
internal import LorikeetTextDecoders

/// `input_ids` and `labels`, rows of equal length with padding, as sequences that are packed without
/// it, and back.
extension ReferenceInputs {
  /// - Throws: `FileError` naming the first token that a model does not know.
  func requireKnown(_ ids: [[Int]], vocabulary: Int) throws(FileError) {
    guard let wrong = ids.joined().first(where: { $0 < 0 || $0 >= vocabulary }) else { return }
    throw failure("input_ids has \(wrong), outside of the vocabulary of \(vocabulary) tokens")
  }

  /// The rows of `input_ids` without padding, image tokens replaced by features in reading order.
  ///
  /// - Parameters:
  ///   - pictures: nil if there are none, image tokens being words then.
  ///   - limit: how many inputs of each row to take, nil for all.
  func sequences(
    for model: VisionLanguageModel, _ pictures: [VisualFeatures]?, upTo limit: Int? = nil,
    _ tape: Tape
  ) throws(FileError) -> [TokenSequence] {
    guard let ids else { throw failure("has no input_ids, which a language model needs") }
    let image = pictures == nil ? nil : model.vision?.imageToken
    let placeholders = zip(ids, present).reduce(0) { count, row in
      count + row.0[row.1].count { $0 == image }
    }
    var waiting = (pictures ?? [])[...]
    let tokens = waiting.reduce(0) { $0 + $1.tokens }
    if pictures != nil, placeholders != tokens {
      throw failure(
        "image features and image tokens do not match: \(placeholders) placeholders, \(tokens) "
          + "features")
    }
    var sequences: [TokenSequence] = []
    for (ids, present) in zip(ids, present) {
      var sequence = TokenSequence(parts: [])
      var place = present.lowerBound
      while place < present.upperBound {
        let isImage = ids[place] == image
        let end =
          ids[place..<present.upperBound].firstIndex { ($0 == image) != isImage }
          ?? present.upperBound
        let cut = min(end, limit ?? end)
        if isImage, pictures != nil {
          guard cut == end || cut <= place else {
            throw failure("the first \(cut) inputs end inside of an image")
          }
          let parts = try take(end - place, from: &waiting, tape)
          if cut > place { sequence.parts += parts.map { .image($0) } }
        } else if cut > place {
          let words = Array(ids[place..<cut])
          try requireKnown([words], vocabulary: model.decoder.vocabulary)
          sequence.parts.append(.tokens(words))
        }
        place = end
      }
      sequences.append(sequence)
    }
    return sequences
  }

  /// Pictures of so many tokens together; the last one is cut if it has more.
  private func take(
    _ count: Int, from waiting: inout ArraySlice<VisualFeatures>, _ tape: Tape
  ) throws(FileError) -> [VisualFeatures] {
    var taken: [VisualFeatures] = []
    var left = count
    while left > 0, let next = waiting.popFirst() {
      if next.tokens > left {
        guard next.newlines.isEmpty else { throw failure("image tokens end inside of a picture") }
        taken.append(next.rows(0..<left, tape))
        waiting.insert(next.rows(left..<next.tokens, tape), at: waiting.startIndex)
        left = 0
      } else {
        taken.append(next)
        left -= next.tokens
      }
    }
    return taken
  }

  /// The packed rows that predict a label, with the label; nil if there are no labels.
  func targets(vocabulary: Int) throws(FileError) -> [(row: Int, token: Int)]? {
    guard let labels else { return nil }
    var targets: [(row: Int, token: Int)] = []
    var start = 0
    for (labels, present) in zip(labels, present) {
      for place in labels.indices.dropFirst() where labels[place] != Self.ignoredLabel {
        guard labels[place] >= 0, labels[place] < vocabulary else {
          throw failure(
            "labels has \(labels[place]), outside of the vocabulary of \(vocabulary) tokens")
        }
        guard present.contains(place - 1) else {
          throw failure("labels has \(labels[place]) after a padding token")
        }
        targets.append((start + place - 1 - present.lowerBound, labels[place]))
      }
      start += present.count
    }
    guard !targets.isEmpty else {
      throw failure("labels has nothing to predict, all are -100")
    }
    return targets
  }

  /// Packed rows `[rows without padding, width]` as `[rows, tokens, width]`, zero at padding.
  func padded(_ packed: Tensor) -> Tensor {
    let tokens = ids?.first?.count ?? 0
    let shape: Shape = [present.count, tokens, packed.width]
    if packed.count == shape.count { return packed.reshaped(shape) }
    let zeros = Tensor(repeating: 0, [tokens, packed.width])
    var start = 0
    let pieces = present.flatMap { present in
      defer { start += present.count }
      return [
        (zeros, 0..<present.lowerBound), (packed, start..<start + present.count),
        (zeros, 0..<tokens - present.upperBound),
      ]
    }
    return Kernels.gatherRows(pieces, width: packed.width).reshaped(shape)
  }
}

extension VisualFeatures {
  /// Some rows, as a picture of their own.
  fileprivate func rows(_ range: Range<Int>, _ tape: Tape) -> VisualFeatures {
    VisualFeatures(
      features: tape.joinRows([(features, range)], width: features.shape.width),
      positions: Array(0..<range.count), total: range.count, grid: (1, range.count))
  }
}
