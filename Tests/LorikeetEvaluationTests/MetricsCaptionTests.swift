// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetEvaluation
import Testing

@Suite struct MetricsCaptionTests {
  @Test func tokensEqualThoseOfTheStanfordTokenizer() throws {
    for sample in try MetricsFixtures.load("tokenizer.json", as: [MetricsFixtures.Token].self) {
      #expect(CaptionTokenizer.tokens(sample.caption) == sample.tokens, "\(sample.caption)")
    }
  }

  @Test func tokensOfHostileTextDoNotTrap() {
    #expect(CaptionTokenizer.tokens("").isEmpty)
    #expect(CaptionTokenizer.tokens(" \n\t\u{0}\u{FEFF}").isEmpty)
    for text in ["'", "''s", "@", "<", "</", "a.", ".a", "'9", "n't", "'s", "\u{301}", "a'", "😀"] {
      _ = CaptionTokenizer.tokens(text)
    }
    #expect(CaptionTokenizer.tokens("n't") == ["n't"])
  }

  @Test func wholeSetEqualsPycocoevalcap() throws {
    let fixture = try MetricsFixtures.load("captions.json", as: MetricsFixtures.Captions.self)
    var samples: [CaptionSample] = []
    for sample in fixture.samples {
      let ours = try CaptionSample(prediction: sample.prediction, references: sample.references)
      #expect(ours.prediction == sample.predictionTokens)
      #expect(ours.references == sample.referenceTokens)
      samples.append(ours)
    }
    let bleu = BLEU.corpus(samples)
    for n in 0..<4 { #expect(close(bleu[n], fixture.bleu[n]), "BLEU-\(n + 1)") }
    let rouge = samples.map { ROUGE.l($0) }
    let ciderD = CIDEr.scores(samples)
    let cider = CIDEr.scores(samples, variant: .plain)
    for (index, expected) in fixture.samples.enumerated() {
      let each = BLEU.counts([samples[index]])[0].scores
      for n in 0..<4 { #expect(close(each[n], expected.bleu[n]), "\(expected.prediction)") }
      #expect(close(rouge[index], expected.rougeL), "\(expected.prediction)")
      #expect(close(ciderD[index], expected.ciderD), "\(expected.prediction)")
      #expect(close(cider[index], expected.cider), "\(expected.prediction)")
    }
    let count = Double(samples.count)
    #expect(close(rouge.reduce(0, +) / count, fixture.rougeL))
    #expect(close(ciderD.reduce(0, +) / count, fixture.ciderD))
    #expect(close(cider.reduce(0, +) / count, fixture.cider))
  }

  @Test func clippingCountsARepeatedWordAtMostAsOftenAsAReference() throws {
    // The example of Papineni et al.: 7 times "the"; "the cat is on the mat" has it twice, so
    // BLEU-1 = 2 / 7. The lengths 7 and 6 (closest of 6 and 7 is 7) bring no penalty.
    let sample = try CaptionSample(
      prediction: "the the the the the the the",
      references: ["the cat is on the mat", "there is a cat on the mat"])
    let counts = BLEU.counts([sample])[0]
    #expect(counts.correct[0] == 2)
    #expect(counts.guessed == [7, 6, 5, 4])
    #expect(counts.referenceLength == 7)
    #expect(close(counts.scores[0], 2.0 / 7))
  }

  @Test func shortPredictionsArePenalised() throws {
    // Two of two words match, the reference has four: BLEU-1 = 1 · exp(1 - 4 / 2).
    let sample = try CaptionSample(prediction: "a b", references: ["a b c d"])
    #expect(close(BLEU.corpus([sample])[0], exp(-1), 1e-8))
    #expect(BLEU.corpus([CaptionSample]()) == [0, 0, 0, 0])
  }

  @Test func rougeOfASubsequence() throws {
    // "a c" in "a b c d": L = 2, P = 1, R = 1/2: (1 + 1.44) · 0.5 / (0.5 + 1.44) = 1.22 / 1.94.
    let sample = try CaptionSample(prediction: "a c", references: ["a b c d", "x"])
    #expect(close(ROUGE.l(sample), 1.22 / 1.94))
    #expect(ROUGE.longestCommonSubsequence(["a", "b", "c", "b"], ["b", "c", "a", "b"]) == 3)
    #expect(ROUGE.longestCommonSubsequence([], ["a"]) == 0)
  }

  @Test func ciderOfTwoEqualCaptions() throws {
    // Each caption has 4 words, all n-grams occur in one of two samples: idf = ln 2 throughout, the
    // cosine is 1 for every n: 10.
    let samples = [
      try CaptionSample(prediction: "a b c d", references: ["a b c d"]),
      try CaptionSample(prediction: "x", references: ["e f g h"]),
    ]
    for variant in CIDEr.Variant.allCases {
      let scores = CIDEr.scores(samples, variant: variant)
      #expect(close(scores[0], 10))
      #expect(scores[1] == 0)
    }
    // Three of four words, in order: the n = 1 cosine is 3 / sqrt(3 · 4), n = 2: 2 / sqrt(2 · 3),
    // n = 3: 1 / sqrt(2), n = 4: 0; CIDEr-D times exp(-1 / 72).
    let shorter = [try CaptionSample(prediction: "a b c", references: ["a b c d"]), samples[1]]
    let cosines: [Double] = [3 / sqrt(12), 2 / sqrt(6), 1 / sqrt(2), 0]
    let plain = 10 * cosines.reduce(0, +) / 4
    #expect(close(CIDEr.scores(shorter, variant: .plain)[0], plain))
    #expect(close(CIDEr.scores(shorter)[0], plain * exp(-1.0 / 72)))
    #expect(CIDEr.scores([samples[0]]) == [0])
    #expect(CIDEr.scores([]).isEmpty)
  }

  @Test func aPredictionWithoutReferencesIsRefused() {
    #expect {
      try CaptionSample(prediction: "A cat", references: [])
    } throws: { error in
      "\(error)" == "the prediction 'A cat' has no reference caption, at least one is needed"
    }
  }
}
