// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetLayers
import LorikeetMissingModality
import LorikeetTensors
import Testing

/// Stand-ins and modality dropout.
@Suite struct MissingModalityTests {
  @Test func droppedRowsHaveNoStandInAndNothingToTrain() {
    let strategy = DropRows()
    for modality in [Modality.missingImage, .missingText, .image, .text] {
      #expect(strategy.standIn(for: modality) == nil)
    }
    #expect(strategy.parameters.isEmpty)
  }

  @Test func learnedTokensStandInForMissingInputsOnly() throws {
    let strategy = LearnedTokens(count: 3, width: 40, deviation: 0.02, seed: 7)
    let image = try #require(strategy.standIn(for: .missingImage))
    let text = try #require(strategy.standIn(for: .missingText))
    #expect(image.shape == [3, 40])
    #expect(text.shape == [3, 40])
    #expect(image.value.values != text.value.values)
    #expect(strategy.standIn(for: .image) == nil)
    #expect(strategy.standIn(for: .text) == nil)
    #expect(
      strategy.parameters.map(\.name) == ["missing_image_tokens", "missing_text_tokens"])
    #expect(strategy.parameters.allSatisfy { $0.parameter.isTrainable })
    // What stands in is the parameter itself, so that training reaches it.
    #expect(strategy.parameters[0].parameter.variable === image)
    #expect(strategy.parameters[1].parameter.variable === text)
  }

  @Test func learnedTokensBeginAsSpreadAsAsked() {
    let values = [Modality.missingImage, .missingText].flatMap {
      LearnedTokens(count: 20, width: 500, deviation: 0.03, seed: 2).standIn(for: $0)?
        .value.values ?? []
    }
    let mean = values.reduce(0, +) / Float(values.count)
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(values.count)
    // The standard error of the deviation over 20,000 values is 0.5 %.
    #expect(abs(mean) < 0.001)
    #expect(abs(variance.squareRoot() / 0.03 - 1) < 0.03)
  }

  @Test func learnedTokensFollowTheirSeed() {
    func values(_ seed: UInt64) -> [Float]? {
      LearnedTokens(count: 2, width: 8, deviation: 1, seed: seed).standIn(for: .missingText)?
        .value.values
    }
    #expect(values(1) == values(1))
    #expect(values(1) != values(2))
  }

  @Test func savedTokensComeBack() throws {
    let saved = Tensor([1, 2, 3, 4, 5, 6], [2, 3])
    let strategy = LearnedTokens([.missingImage: saved])
    #expect(strategy.standIn(for: .missingImage)?.value.values == saved.values)
    #expect(strategy.standIn(for: .missingText) == nil)
    #expect(strategy.parameters.map(\.name) == ["missing_image_tokens"])
  }

  @Test(arguments: [
    (0.0, 0.0, 0.0, 0.0), (0.3, 0.2, 0.3, 0.2), (1.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, 1.0),
    // More than everything: scaled down to 1, in proportion.
    (0.9, 0.6, 0.6, 0.4),
  ])
  func dropoutTakesEachAwayAsOftenAsAsked(
    image: Double, text: Double, imageRate: Double, textRate: Double
  ) {
    let dropout = ModalityDropout(image: image, text: text)
    var random = RandomStream(seed: 11)
    let count = 20_000
    var (images, texts, both) = (0, 0, 0)
    for _ in 0..<count {
      let lost = dropout.draw(&random)
      images += lost.image ? 1 : 0
      texts += lost.text ? 1 : 0
      both += lost.image && lost.text ? 1 : 0
    }
    #expect(both == 0)
    #expect(abs(dropout.losses.reduce(0) { $0 + $1.probability } - 1) < 1e-12)
    for (lost, probability) in dropout.losses {
      let count = (0..<count).count { _ in
        let drawn = dropout.draw(&random)
        return drawn == lost
      }
      #expect(abs(Double(count) / 20_000 - probability) < 0.015)
    }
    // Four standard errors of a rate over 20,000 draws.
    #expect(abs(Double(images) / Double(count) - imageRate) < 0.015)
    #expect(abs(Double(texts) / Double(count) - textRate) < 0.015)
  }

  @Test func dropoutFollowsItsSeed() {
    func draws(_ seed: UInt64) -> [Bool] {
      var random = RandomStream(seed: seed)
      let dropout = ModalityDropout(image: 0.5, text: 0)
      return (0..<64).map { _ in dropout.draw(&random).image }
    }
    #expect(draws(3) == draws(3))
    #expect(draws(3) != draws(4))
  }
}
