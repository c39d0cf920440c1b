// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAutograd
import LorikeetLayers
import LorikeetMissingModality
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTextDecoders
import LorikeetTokenPruning
import LorikeetVisionLanguage
import Testing

/// Scores of several answers to one prompt.
@Suite struct LikelihoodTests {
  private let answers = [[4], [4, 9], [30, 31, 32, 33, 34], [4, 9], [88, 0]]

  /// Mean log probability of each token, every prefix computed anew.
  private func naive(_ llava: Llava, _ answer: [Int], after prompt: TokenSequence) -> Float {
    var sum: Double = 0
    for (index, token) in answer.enumerated() {
      let logits = llava.nextLogits(prompt, Array(answer.prefix(index))).map(Double.init)
      let highest = logits.max() ?? 0
      sum += logits[token] - highest - log(logits.reduce(0) { $0 + exp($1 - highest) })
    }
    return Float(sum / Double(answer.count))
  }

  @Test(arguments: ["models/llava/seed-1", "models/llava/seed-2"])
  func scoresEqualANaiveComputation(name: String) throws {
    let llava = try Llava(name)
    for prompt in try llava.sequences().map({ TokenSequence(parts: $0.parts) }) {
      let scores = try llava.model.scores(of: answers, after: prompt)
      expectClose(
        scores, answers.map { naive(llava, $0, after: prompt) }, tolerance: 1e-4, "scores")
      // Equal answers have equal scores, whatever stands beside them.
      #expect(abs(scores[1] - scores[3]) < 1e-5)
    }
  }

  @Test func answersOfOneTokenEach() throws {
    let llava = try Llava()
    let prompt = TokenSequence(parts: [.image(try llava.features(seed: 1)), .tokens([5])])
    let scores = try llava.model.scores(of: (0..<90).map { [$0] }, after: prompt)
    expectClose(
      scores, (0..<90).map { naive(llava, [$0], after: prompt) }, tolerance: 1e-4, "scores")
    #expect(try llava.model.scores(of: [], after: prompt).isEmpty)
    #expect(throws: ConfigurationError.self) {
      try llava.model.scores(of: [[1]], after: TokenSequence(parts: []))
    }
  }

  @Test func prunedPicturesAndStandIns() throws {
    let llava = try Llava()
    let features = llava.model.visualFeatures(
      try llava.picture(seed: 2), pruning: try PruningSpecification("fopru-row:0.5"))[0]
    let prompt = TokenSequence(parts: [.image(features), .tokens([5])])
    expectClose(
      try llava.model.scores(of: answers, after: prompt),
      answers.map { naive(llava, $0, after: prompt) }, tolerance: 1e-4, "pruned")

    let tokens = LearnedTokens(
      count: 2, width: llava.model.decoder.width, deviation: 0.5, seed: 3)
    let missing = TokenSequence(parts: [.standIn(.missingImage), .tokens([5])])
    let scores = try llava.model.scores(of: answers, after: missing, missing: tokens)
    let expected = answers.map { answer in
      var sequence = missing
      sequence.answer = answer
      let batch = llava.model.pack([sequence], missing: tokens, tape: .inference)
      return -llava.model.loss(batch, tape: .inference).loss.value.scalar
    }
    expectClose(scores, expected, tolerance: 1e-4, "stand-ins")
    #expect(try scores != llava.model.scores(of: answers, after: missing))
  }
}
