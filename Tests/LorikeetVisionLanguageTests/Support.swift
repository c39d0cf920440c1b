// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetCheckpoints
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTextDecoders
import LorikeetVisionLanguage

/// The LLaVA model of a reference case, with its picture.
struct Llava {
  let reference: ReferenceCase
  let model: VisionLanguageModel

  init(_ name: String = "models/llava/seed-1") throws {
    reference = try ReferenceCase(name)
    model = try ModelDirectory(reference.modelDirectory).loadLanguageModel()
  }

  /// `[1, 3, height, width]`, noise unlike that of other seeds.
  func picture(seed: UInt64) throws -> Tensor {
    let shape = try reference.input("pixel_values").shape
    return .random([1, 3, shape[2], shape[3]], seed: seed)
  }

  func features(seed: UInt64, _ tape: Tape = .inference) throws -> VisualFeatures {
    model.visualFeatures(try picture(seed: seed), tape: tape)[0]
  }

  /// Token ids below 90, which the vocabularies of most cases have.
  func words(_ count: Int, seed: UInt64) -> [Int] {
    var random = RandomStream(seed: seed)
    let limit = min(90, model.decoder.vocabulary)
    return (0..<count).map { _ in Int(random.uniform() * Float(limit)) }
  }

  /// Sequences of every sort: with and without picture, text and answer, of different lengths.
  func sequences() throws -> [TokenSequence] {
    [
      TokenSequence(
        parts: [.tokens(words(3, seed: 1)), .image(try features(seed: 2)), .tokens([7, 8])],
        answer: words(4, seed: 3)),
      TokenSequence(parts: [.tokens(words(9, seed: 4))], answer: words(1, seed: 5)),
      TokenSequence(
        parts: [
          .image(try features(seed: 6)), .tokens([1]), .image(try features(seed: 7)),
          .tokens([2]),
        ]),
      TokenSequence(parts: [.tokens([11])], answer: words(6, seed: 8)),
    ]
  }

  /// Logits of the last row of a sequence, computed without a cache, `[vocabulary]`.
  func nextLogits(_ sequence: TokenSequence, _ more: [Int]) -> [Float] {
    let tape = Tape.inference
    var sequence = sequence
    if !more.isEmpty { sequence.parts.append(.tokens(more)) }
    let hidden = model.hiddenStates(model.pack([sequence], tape: tape), tape: tape)
    return tape.linear(tape.selectRows(hidden, [hidden.shape.rows - 1]), model.decoder.head.weight)
      .value
      .values
  }
}
