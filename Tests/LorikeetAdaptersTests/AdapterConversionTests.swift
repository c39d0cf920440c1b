// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAdapters
import LorikeetAutograd
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// Adapters as plain LoRA: `AdapterContractTests` has that every method survives it.
@Suite struct AdapterConversionTests {
  /// Adapters of PEFT keep PEFT's numbers, through the files too.
  @Test(
    arguments: [
      "lora/seed-1", "lora-rslora/seed-2", "lora-patterns/seed-1", "lora-rslora-patterns/seed-2",
      "lora-own-bias/seed-1", "lora-bias-all/seed-1", "lora-embedding/seed-1", "lora-tokens/seed-1",
      "lora-head/seed-1", "dora/seed-1", "dora-embedding/seed-1", "ia3/seed-2",
    ], [nil, AdapterTruncation.rank(100), .energy(1)])
  func numbersOfPEFTStay(name: String, truncation: AdapterTruncation?) throws {
    if name.hasPrefix("ia3"), truncation == nil { return }
    try withTemporaryDirectory { directory in
      let llama = try AdaptedLlama("adapters/" + name)
      let (weights, report) = try llama.adapter().asLoRA(truncation)
      #expect(report.error < 1e-3)
      try weights.writePEFT(to: directory)
      let second = try AdaptedLlama("adapters/" + name)
      let loaded = try Adapter(name: "lora", directory: directory, attachingTo: second.index)
      let configuration = try #require(loaded.configuration as? LoRAConfiguration)
      #expect(configuration.usesDoRA == (name.hasPrefix("dora") && truncation == nil))
      #expect(!configuration.usesRankStabilisation)
      expectClose(
        second.logits(), try second.reference.expected("logits").values, tolerance: 1e-3)
    }
  }

  /// The matrices that an adapter adds to the weights, by the names of the layers.
  private func deltas(_ adapter: Adapter) -> [String: Tensor] {
    Dictionary(
      uniqueKeysWithValues: adapter.terms.map {
        ($0.linear.name, $0.term.delta(on: $0.linear).weight.matrix)
      })
  }

  /// What is cut off is what the report says, and no more than any other matrix of the rank leaves.
  @Test(arguments: [AdapterTruncation.rank(1), .rank(2), .rank(3), .energy(0.5), .energy(0.9)])
  func theReportIsTrue(truncation: AdapterTruncation) throws {
    for name in ["adapters/lora/seed-1", "adapters/ia3/seed-1", "adapters/dora/seed-2"] {
      let llama = try AdaptedLlama(name)
      let adapter = try llama.adapter()
      let exact = deltas(adapter)
      let (weights, report) = try adapter.asLoRA(truncation)
      adapter.detach()
      let lora = try Adapter(name: "lora", weights, attachingTo: llama.index, source: "test")
      let cut = deltas(lora)
      #expect(cut.count == exact.count)
      var sums: [String: (lost: Double, whole: Double)] = [:]
      for module in weights.modules {
        var (difference, whole) = (try #require(cut[module.name]), try #require(exact[module.name]))
        Kernels.accumulate(whole, scale: -1, into: &difference)
        let group = String(module.name.split(separator: ".").last ?? "")
        let (lost, all) = (Kernels.sumOfSquares(difference), Kernels.sumOfSquares(whole))
        sums[group, default: (0, 0)].lost += lost
        sums[group, default: (0, 0)].whole += all
        switch truncation {
        case .rank(let rank): #expect(module.rank <= rank)
        case .energy(let share):
          #expect(1 - lost / all >= share - 1e-5)
          // One less would not do.
          let values = try #require(Kernels.singularValues(whole)).values.map(Double.init)
          let kept = values.prefix(module.rank - 1).reduce(0) { $0 + $1 * $1 }
          #expect(kept < share * all)
        }
        Kernels.scale(&whole, by: 1)
      }
      for group in report.groups {
        let sum = try #require(sums[group.name])
        #expect(abs(group.error - (sum.lost / sum.whole).squareRoot()) < 1e-4, "\(name) \(group)")
        #expect(group.ranks.lowerBound >= 1)
      }
      let total = sums.values.reduce((0.0, 0.0)) { ($0.0 + $1.lost, $0.1 + $1.whole) }
      #expect(abs(report.error - (total.0 / total.1).squareRoot()) < 1e-4)
    }
  }

  @Test func ranksThatDifferStandInPatterns() throws {
    let llama = try AdaptedLlama("adapters/ia3/seed-1")
    let weights = try llama.adapter().asLoRA(.energy(0.8)).weights
    let ranks = Set(weights.modules.map(\.rank))
    #expect(ranks.count > 1, "nothing is tested: \(ranks)")
    let configuration = weights.configuration
    for module in weights.modules {
      #expect(configuration.rank(of: module.name) == module.rank)
      let alpha = configuration.alpha(of: module.name)
      #expect(configuration.scale(rank: module.rank, alpha: alpha) == module.scale)
    }
    #expect(configuration.rankPattern.count < weights.modules.count)
  }

  @Test func anAdapterThatDoesNothing() throws {
    let llama = try AdaptedLlama("adapters/lora/seed-1")
    let before = llama.logits()
    let adapter = try Adapter(
      name: "new", LoRAConfiguration.make(targets: .names(["q_proj"])), attachingTo: llama.index,
      seed: 1)
    let (weights, report) = try adapter.asLoRA(.rank(2))
    #expect(report.error == 0 && weights.modules.allSatisfy { $0.rank == 1 })
    adapter.detach()
    _ = try Adapter(name: "lora", weights, attachingTo: llama.index, source: "test")
    #expect(llama.logits() == before)
  }

  /// Where some layers have a bias and others none, the LoRA of (IA)^3 has zeros for those, and merges.
  @Test func biasesOfSomeLayers() throws {
    let llama = try AdaptedLlama("adapters/dora/seed-2")
    var configuration = IA3Configuration()
    configuration.targets = .names(["v_proj", "up_proj", "down_proj"])
    configuration.feedForward = .names(["down_proj"])
    let adapter = try Adapter(name: "ia3", configuration, attachingTo: llama.index, seed: 1)
    adapter.perturb()
    let adapted = llama.logits()
    let weights = try adapter.asLoRA(.rank(100)).weights
    #expect(weights.hasBias && weights.modules.contains { $0.name.contains("up_proj") })
    adapter.detach()
    let lora = try Adapter(name: "lora", weights, attachingTo: llama.index, source: "test")
    expectClose(llama.logits(), adapted, tolerance: 2e-5)
    try lora.merge()
    expectClose(llama.logits(), adapted, tolerance: 2e-5)
  }

  @Test func fullRankNeedsToBeCut() throws {
    let llama = try AdaptedLlama("adapters/ia3/seed-1")
    let adapter = try llama.adapter()
    let error = #expect(throws: AdapterError.self) { _ = try adapter.asLoRA() }
    #expect(
      error?.description.contains(
        "adapter default: cannot be converted: IA3 is of full rank on model.layers.0.") == true)
  }

  @Test(arguments: [(Float(2.5), 4), (Float(10) / 3, 3), (0.1, 7), (1 / Float(3).squareRoot(), 5)])
  func alphasGiveTheirScales(scale: Float, rank: Int) {
    let alpha = LoRAWeights.alpha(scale: scale, rank: rank)
    #expect(Float(alpha / Double(rank)) == scale)
    if rank == 3 { #expect(alpha == 10) }
  }
}
