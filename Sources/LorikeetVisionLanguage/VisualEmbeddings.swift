// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
internal import LorikeetLayers
internal import LorikeetProjectors
internal import LorikeetTensors
internal import LorikeetTextDecoders

extension VisionLanguageModel {
  /// The tokens of pictures in the decoder's embedding space, one picture after the other,
  /// `[tokens, decoder width]`, newlines included; nil without an encoder.
  func visualEmbeddings(
    _ images: [VisualFeatures], tape: Tape, isTraining: Bool = false,
    random: RandomStream = RandomStream(seed: 0)
  ) -> Variable? {
    guard let first = images.first,
      let projected = project(
        tape.joinRows(
          images.map { ($0.features, $0.span) },
          width: first.features.shape.width),
        tape: tape, isTraining: isTraining, random: random)
    else { return nil }
    guard let newline = vision?.newline, images.contains(where: { !$0.newlines.isEmpty }) else {
      return projected
    }
    let row = tape.reshape(newline.variable, [1, decoder.width])
    var pieces: [(source: Variable, rows: Range<Int>)] = []
    var start = 0
    for image in images {
      var place = 0
      for next in image.newlines {
        pieces.append((projected, start + place..<start + next))
        pieces.append((row, 0..<1))
        place = next
      }
      pieces.append((projected, start + place..<start + image.span.count))
      start += image.span.count
    }
    return tape.joinRows(pieces, width: decoder.width)
  }

  /// Visual tokens in the decoder's embedding space, `[rows, decoder width]`.
  func project(
    _ features: Variable, tape: Tape, isTraining: Bool, random: RandomStream
  ) -> Variable? {
    guard let vision else { return nil }
    let context = ForwardContext(
      tape: tape, isTraining: isTraining, lengths: [features.shape.rows], modality: .image,
      random: random)
    return vision.projector(features, context)
  }
}
