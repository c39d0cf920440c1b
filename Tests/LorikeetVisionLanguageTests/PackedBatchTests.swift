// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetLayers
import LorikeetMissingModality
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTextDecoders
import LorikeetTokenPruning
import LorikeetVisionLanguage
import Testing

/// Sequences laid end to end.
@Suite struct PackedBatchTests {
  @Test(arguments: ["models/llava/seed-1", "models/llava-full/seed-2"])
  func sequencesPackedEqualSequencesAlone(name: String) throws {
    let llava = try Llava(name)
    let sequences = try llava.sequences()
    let tape = Tape.inference
    let batch = llava.model.pack(sequences, tape: tape)
    let hidden = llava.model.hiddenStates(batch, tape: tape).value
    let (_, losses) = llava.model.loss(batch, tape: tape)
    var (row, target) = (0, 0)
    for (index, sequence) in sequences.enumerated() {
      let alone = llava.model.pack([sequence], tape: tape)
      #expect(batch.lengths[index] == alone.lengths[0])
      #expect(batch.targetCounts[index] == alone.targetCounts[0])
      let rows = row..<row + alone.lengths[0]
      #expect(Array(batch.positions[rows]) == alone.positions)
      expectClose(
        hidden.rows(rows), llava.model.hiddenStates(alone, tape: tape).value, tolerance: 1e-5,
        "sequence \(index)")
      let targets = target..<target + alone.targets.count
      #expect(batch.targets[targets].map(\.token) == sequence.answer)
      #expect(batch.targets[targets].map { $0.row - row } == alone.targets.map(\.row))
      expectClose(
        Array(losses[targets]), llava.model.loss(alone, tape: tape).losses, tolerance: 1e-5,
        "losses \(index)")
      row = rows.upperBound
      target = targets.upperBound
    }
    #expect(row == hidden.rows)
    #expect(target == batch.targets.count)
  }

  /// Prompts that see themselves both ways, and windows, among them.
  @Test(arguments: [
    "models/llava/seed-1", "models/paligemma/seed-1", "models/paligemma-windows/seed-2",
  ])
  func rowsThatAreWantedAreThoseOfAll(name: String) throws {
    let llava = try Llava(name)
    let batch = llava.model.pack(try llava.sequences(), tape: .inference)
    #expect(batch.prefixes.isEmpty == name.contains("llava"))
    let all = llava.model.hiddenStates(batch, tape: .inference).value
    for wanted in [batch.targets.map(\.row), [2], [batch.lengths[0] + 1, all.rows - 1]] {
      let found = llava.model.hiddenStates(batch, rows: wanted, tape: .inference).value
      #expect(found.rows == wanted.count)
      for (place, row) in wanted.enumerated() {
        expectClose(
          found.rows(place..<place + 1), all.rows(row..<row + 1), tolerance: 1e-5, "row \(row)")
      }
    }
  }

  @Test func lossIsTheMeanOverAllTokensAndItsGradientTheSum() throws {
    let llava = try Llava()
    let sequences = try llava.sequences()
    let table = llava.model.decoder.embeddings
    table.isTrainable = true
    func step(_ sequences: [TokenSequence], _ weight: Float?) -> (Float, [Float], [Float]) {
      let tape = Tape(isRecording: true)
      let batch = llava.model.pack(sequences, tape: tape)
      let (loss, losses) = llava.model.loss(batch, weight: weight, tape: tape)
      tape.backward(from: loss)
      defer { table.variable.clearGradient() }
      return (loss.value.scalar, losses, table.variable.gradient?.values ?? [])
    }
    let whole = step(sequences, nil)
    #expect(whole.1.count == 11)
    #expect(abs(whole.0 - whole.1.reduce(0, +) / 11) < 1e-5)
    var total = [Float](repeating: 0, count: whole.2.count)
    for sequence in sequences where !sequence.answer.isEmpty {
      for (index, value) in step([sequence], 1 / 11).2.enumerated() { total[index] += value }
    }
    expectClose(whole.2, total, tolerance: 1e-5, "gradient of the embeddings")
  }

  private func layout(_ runs: [(Modality, Int)]) -> ModalityLayout {
    var layout = ModalityLayout()
    for (modality, count) in runs { layout.append(modality, count: count) }
    return layout
  }

  @Test func layoutPositionsAndTargetsAreAsLaidOut() throws {
    let llava = try Llava()
    let features = try llava.features(seed: 1)
    let count = features.features.shape.rows
    let sequences = [
      TokenSequence(
        parts: [.tokens([5, 6]), .image(features), .tokens([7])], answer: [8, 9, 10]),
      TokenSequence(parts: [.tokens([4])], answer: [3]),
    ]
    let batch = llava.model.pack(sequences, tape: .inference)
    // 2 words, the picture, 1 word, the answer but its last token; then 1 word.
    #expect(batch.lengths == [2 + count + 1 + 2, 1])
    #expect(batch.positions == Array(0..<count + 5) + [0])
    #expect(
      batch.modalities == layout([(.text, 2), (.image, count), (.text, 3), (.text, 1)]))
    let rows = [count + 2, count + 3, count + 4, count + 5]
    #expect(batch.targets.map(\.row) == rows)
    #expect(batch.targets.map(\.token) == [8, 9, 10, 3])
    #expect(batch.targetCounts == [3, 1])
  }

  @Test func anAnswerWithoutAPromptHasNoFirstTarget() throws {
    let llava = try Llava()
    let batch = llava.model.pack(
      [TokenSequence(parts: [], answer: [4, 5, 6]), TokenSequence(parts: [], answer: [])],
      tape: .inference)
    #expect(batch.lengths == [2, 0])
    #expect(batch.targets.map(\.row) == [0, 1])
    #expect(batch.targets.map(\.token) == [5, 6])
    #expect(batch.targetCounts == [2, 0])
  }

  @Test func standInsTakeThePlaceOfMissingInputs() throws {
    let llava = try Llava()
    let width = llava.model.decoder.width
    let tokens = LearnedTokens(count: 3, width: width, deviation: 0.02, seed: 1)
    let sequence = TokenSequence(
      parts: [
        .tokens([5]), .standIn(.missingImage), .tokens([6, 7]), .standIn(.missingText),
      ], answer: [8, 9])
    let tape = Tape(isRecording: true)
    let batch = llava.model.pack([sequence], missing: tokens, tape: tape)
    #expect(batch.lengths == [10])
    #expect(batch.positions == Array(0..<10))
    #expect(
      batch.modalities
        == layout([(.text, 1), (.missingImage, 3), (.text, 2), (.missingText, 3), (.text, 1)]))
    let embeddings = batch.embeddings.value
    #expect(
      embeddings.rows(1..<4).values == tokens.standIn(for: .missingImage)?.value.values)
    #expect(embeddings.rows(6..<9).values == tokens.standIn(for: .missingText)?.value.values)
    // Training reaches both.
    tape.backward(from: llava.model.loss(batch, tape: tape).loss)
    for (name, parameter) in tokens.parameters {
      let gradient = try #require(parameter.variable.gradient, "\(name)")
      #expect(gradient.values.contains { $0 != 0 })
    }

    // Left out, the sequence is the words alone.
    let dropped = llava.model.pack([sequence], missing: DropRows(), tape: .inference)
    let words = llava.model.pack(
      [TokenSequence(parts: [.tokens([5, 6, 7])], answer: [8, 9])], tape: .inference)
    #expect(dropped.positions == words.positions)
    #expect(dropped.modalities == words.modalities)
    #expect(dropped.embeddings.value.values == words.embeddings.value.values)
    #expect(dropped.targets.map(\.row) == words.targets.map(\.row))
  }
}
