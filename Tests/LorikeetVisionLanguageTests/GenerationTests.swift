// SPDX-License-Identifier: Apache-2.0

import LorikeetLayers
import LorikeetMissingModality
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTextDecoders
import LorikeetTokenPruning
import LorikeetVisionLanguage
import Testing

/// Answers written through the cache.
@Suite struct GenerationTests {
  private func options(_ count: Int, ends: Set<Int> = []) -> GenerationOptions {
    var options = GenerationOptions()
    options.maxTokens = count
    options.stopsAtEnd = false
    options.endTokens = ends
    return options
  }

  /// Prompts without answers, of different lengths.
  private func prompts(_ llava: Llava) throws -> [TokenSequence] {
    try llava.sequences().map { TokenSequence(parts: $0.parts) }
  }

  @Test(arguments: ["models/llava/seed-1", "models/llava/seed-2"])
  func cachedAnswersEqualAnswersComputedAnew(name: String) throws {
    let llava = try Llava(name)
    for prompt in try prompts(llava) {
      var expected: [Int] = []
      for _ in 0..<10 {
        let logits = llava.nextLogits(prompt, expected)
        expected.append(logits.firstIndex(of: logits.max() ?? 0) ?? 0)
      }
      #expect(try llava.model.generate([prompt], options(10)) == [expected])
    }
  }

  @Test func answersInABatchEqualAnswersAlone() throws {
    let llava = try Llava()
    let prompts = try prompts(llava)
    let alone = try prompts.map { try llava.model.generate([$0], options(12))[0] }
    #expect(try llava.model.generate(prompts, options(12)) == alone)
    #expect(Set(alone).count > 1)
    // Some end early, at different steps; the others go on as before.
    let ends: Set<Int> = [alone[0][3], alone[2][6]]
    let cut = alone.map { answer in Array(answer.prefix { !ends.contains($0) }) }
    #expect(Set(cut.map(\.count)).count > 1)
    #expect(try llava.model.generate(prompts, options(12, ends: ends)) == cut)
  }

  @Test func prunedPicturesKeepTheirPositions() throws {
    let llava = try Llava()
    let features = llava.model.visualFeatures(
      try llava.picture(seed: 3), pruning: try PruningSpecification("fopru-rank:0.25"))[0]
    let prompt = TokenSequence(parts: [.tokens([1]), .image(features), .tokens([2, 3])])
    var expected: [Int] = []
    for _ in 0..<6 {
      // nextLogits lays everything out anew, with the original positions.
      let logits = llava.nextLogits(prompt, expected)
      expected.append(logits.firstIndex(of: logits.max() ?? 0) ?? 0)
    }
    #expect(try llava.model.generate([prompt], options(6)) == [expected])
  }

  @Test func tokensAreToldAsTheyCome() throws {
    let llava = try Llava()
    let prompts = Array(try prompts(llava).prefix(2))
    var told: [[Int]] = [[], []]
    var order: [Int] = []
    let answers = try llava.model.generate(prompts, options(5)) { sequence, token in
      told[sequence].append(token)
      order.append(sequence)
    }
    #expect(told == answers)
    #expect(order == [0, 1, 0, 1, 0, 1, 0, 1, 0, 1])
  }

  @Test func nothingToDoIsDone() throws {
    let llava = try Llava()
    #expect(try llava.model.generate([], options(5)).isEmpty)
    #expect(try llava.model.generate(prompts(llava), options(0)) == [[], [], [], []])
    // A prompt without rows has nothing to go on from.
    let empty = TokenSequence(parts: [.standIn(.missingImage)])
    let other = TokenSequence(parts: [.tokens([5])])
    let answers = try llava.model.generate([empty, other], options(3))
    #expect(answers[0].isEmpty)
    #expect(try answers[1] == llava.model.generate([other], options(3))[0])
  }

  @Test func sampledAnswersFollowTheirSeed() throws {
    let llava = try Llava()
    let prompt = try prompts(llava)[1]
    func answer(_ seed: UInt64) throws -> [Int] {
      var options = options(16)
      options.sampler = Sampler(temperature: 1, topK: 20, topP: 0.95, seed: seed)
      return try llava.model.generate([prompt], options)[0]
    }
    #expect(try answer(1) == answer(1))
    #expect(try Set((1...5).map { try answer($0) }).count > 1)
  }
}
