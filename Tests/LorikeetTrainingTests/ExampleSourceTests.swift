// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAutograd
import LorikeetDatasets
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTokenizers
import LorikeetTraining
import LorikeetVisionLanguage
import Testing

@Suite struct ExampleSourceTests {
  private func withSource(
    _ samples: [Sample], _ changes: [String] = [],
    _ body: (ExampleSource, Pipeline) throws -> Void
  ) throws {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory, training: 1, validation: 0)
      let pipeline = try Pipeline(model: setup.model)
      let recipe = try TrainingRecipe(path: nil, changes: changes)
      _ = try TrainingSetup(recipe, pipeline, path: "recipe")
      try body(ExampleSource(samples, recipe, pipeline), pipeline)
    }
  }

  private let complete = Sample(id: "a", imagePath: "a.png", text: "a red one", label: "red")

  /// Draws of a sample.
  private func draws(
    _ sample: Int, _ count: Int, _ source: ExampleSource, seed: UInt64
  ) -> [TrainingExample] {
    var random = RandomStream(seed: seed)
    return (0..<count).map { _ in source.draw(sample, &random) }
  }

  private func share(_ flags: [Bool]) -> Double {
    Double(flags.filter { $0 }.count) / Double(flags.count)
  }

  @Test func inputsAreTakenAwayAtTheRatesOfTheRecipe() throws {
    var all: [TrainingExample] = []
    try withSource([complete], ["drop_image=0.3", "drop_text=0.2"]) { source, _ in
      all = draws(0, 20_000, source, seed: 7)
    }
    let classify = all.filter { $0.task == .classify }
    let caption = all.filter { $0.task == .caption }
    #expect(abs(share(all.map { $0.task == .classify }) - 0.5) < 0.02)
    #expect(abs(share(classify.map { !$0.hasImage }) - 0.3) < 0.02)
    #expect(abs(share(classify.map { !$0.hasText }) - 0.2) < 0.02)
    #expect(abs(share(caption.map { !$0.hasImage }) - 0.3) < 0.02)
    // The text of a caption is the answer and stays.
    #expect(share(caption.map { $0.hasText }) == 1)
    #expect(share(all.map { $0.hasImage || $0.hasText }) == 1)
  }

  @Test func tasksAreDrawnByWeightAmongThoseASampleCanServe() throws {
    let samples = [
      complete, Sample(id: "b", imagePath: "b.png", text: "words"),
      Sample(id: "c", imagePath: "c.png", label: "blue"), Sample(id: "d", imagePath: "d.png"),
      Sample(
        id: "e", imagePath: "e.png", text: "an answer",
        conversation: [
          Turn(role: .user, text: "<image>\nwhat?"), Turn(role: .assistant, text: "an answer"),
        ]),
    ]
    try withSource(samples, ["caption_weight=3", "classify_weight=1"]) { source, _ in
      #expect(abs(share(draws(0, 4000, source, seed: 3).map { $0.task == .caption }) - 0.75) < 0.03)
      #expect(share(draws(1, 100, source, seed: 3).map { $0.task == .caption }) == 1)
      #expect(share(draws(2, 100, source, seed: 3).map { $0.task == .classify }) == 1)
      #expect(share(draws(4, 100, source, seed: 3).map { $0.task == .conversation }) == 1)
      #expect(samples.indices.map { source.isUsable($0) } == [true, true, true, false, true])
      #expect(source.example(1, task: .classify) == nil)
      #expect(source.example(0, task: .classify)?.hasText == true)
    }
    try withSource(samples, ["caption_weight=0"]) { source, _ in
      #expect(samples.indices.map { source.isUsable($0) } == [true, false, true, false, true])
    }
  }

  @Test func onlyTheAnswerIsLearned() throws {
    try withSource([complete]) { source, pipeline in
      for (task, answer, prompt) in [
        (TrainingTask.caption, " a red one</s>", "Caption:"),
        (.classify, " red</s>", "Text: a red one\nCategory:"),
      ] {
        var example = try #require(source.example(0, task: task))
        example.hasImage = false
        let sequence = try source.sequence(example, features: nil)
        let tape = Tape.inference
        let batch = pipeline.model.pack([sequence], missing: pipeline.missing, tape: tape)
        let tokens = batch.targets.map(\.token)
        #expect(
          try pipeline.processor.tokenizer.decode(tokens, skipSpecialTokens: false) == answer)
        // The stand-in tokens, the line break and the prompt come before; the first target is
        // predicted by the prompt's last row.
        let start = 4 + 1 + prompt.count - 1
        #expect(batch.targets.map(\.row) == Array(start..<start + tokens.count))
        #expect(batch.lengths == [start + tokens.count])
      }
    }
  }

  @Test func aConversationIsItsFirstQuestionAndAnswer() throws {
    let sample = Sample(
      id: "e", imagePath: "e.png", text: "blue",
      conversation: [
        Turn(role: .user, text: "<image>\nwhat?"), Turn(role: .assistant, text: "blue"),
        Turn(role: .user, text: "sure?"), Turn(role: .assistant, text: "yes"),
      ])
    try withSource([sample]) { source, pipeline in
      var random = RandomStream(seed: 1)
      let sequence = try source.sequence(source.draw(0, &random), features: nil)
      let words = sequence.parts.map { part in
        if case .tokens(let tokens) = part {
          (try? pipeline.processor.tokenizer.decode(tokens, skipSpecialTokens: false)) ?? ""
        } else {
          "[]"
        }
      }
      #expect(words.joined() == "[]\nwhat?")
      #expect(pipeline.processor.words(sequence.answer) == "blue")
    }
  }
}
