// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTokenPruning
import LorikeetVisionEncoders
import LorikeetVisionLanguage
import Testing

/// Pruning between encoder and projector.
@Suite struct VisualPruningTests {
  /// The attention that each token receives in the block whose output is projected, summed naively.
  ///
  /// - Parameter layer: vision_feature_layer; -1 is the output of the last block.
  private func significance(_ llava: Llava, _ pixels: Tensor, layer: Int) throws -> [Float] {
    let encoder = try #require(llava.model.vision).encoder
    let block = encoder.layerCount + layer
    var request = EncoderRequest()
    request.attentionLayers = [block]
    let output = encoder.encode(
      pixels, request: request, tape: .inference, isTraining: false,
      random: RandomStream(seed: 0))
    let attention = try #require(output.attention[block])[0]
    let (heads, tokens) = (attention.shape[0], attention.shape[1])
    let values = attention.values
    return (0..<tokens).map { column in
      var sum: Double = 0
      for head in 0..<heads {
        for row in 0..<tokens {
          sum += Double(values[(head * tokens + row) * tokens + column]) / Double(heads)
        }
      }
      return Float(sum)
    }
  }

  @Test(arguments: [
    ("models/llava/seed-1", -2), ("models/llava/seed-2", -2), ("models/llava-full/seed-1", -1),
  ])
  func rankKeepsThePatchesThatReceiveMostAttention(name: String, layer: Int) throws {
    let llava = try Llava(name)
    let keepsPrefix = name.contains("full")
    for seed in UInt64(1)...3 {
      let pixels = try llava.picture(seed: seed)
      let whole = try #require(llava.model.visualFeatures(pixels).first)
      let patches = whole.grid.rows * whole.grid.columns
      let scores = Array(try significance(llava, pixels, layer: layer).dropFirst())
      #expect(scores.count == patches)
      for ratio in [0.25, 0.5] {
        let pruned = try #require(
          llava.model.visualFeatures(
            pixels, pruning: try PruningSpecification("fopru-rank:\(ratio)")
          ).first)
        let count = Int((ratio * Double(patches)).rounded())
        let threshold = scores.sorted(by: >)[count - 1]
        let expected = scores.indices.filter { scores[$0] >= threshold }
        #expect(pruned.patches == expected)
        #expect(pruned.total == whole.total)
        #expect(
          pruned.positions == (keepsPrefix ? [0] : []) + expected.map { $0 + (keepsPrefix ? 1 : 0) }
        )
        // What is kept is what was there, in the same order.
        for (row, position) in pruned.positions.enumerated() {
          #expect(
            pruned.features.value.rows(row..<row + 1).values
              == whole.features.value.rows(position..<position + 1).values)
        }
      }
    }
  }

  @Test(arguments: ["fopru-rank:1", "fopru-row:1", "random:1", "uniform:1", "pool:1"])
  func keepingAllChangesNothing(specification: String) throws {
    let llava = try Llava()
    let pixels = try llava.picture(seed: 1)
    let whole = llava.model.visualFeatures(pixels)[0]
    let kept = llava.model.visualFeatures(
      pixels, pruning: try PruningSpecification(specification))[0]
    #expect(kept.positions == whole.positions)
    #expect(kept.features.value.values == whole.features.value.values)
  }

  @Test func picturesOfABatchArePrunedOnTheirOwn() throws {
    let llava = try Llava()
    let pictures = try (1...3).map { try llava.picture(seed: $0) }
    let shape = pictures[0].shape
    let pruning = try PruningSpecification("fopru-rank:0.3")
    let together = llava.model.visualFeatures(
      Tensor(pictures.flatMap(\.values), [3, 3, shape[2], shape[3]]), pruning: pruning)
    #expect(together.count == 3)
    for (picture, features) in zip(pictures, together) {
      let alone = llava.model.visualFeatures(picture, pruning: pruning)[0]
      #expect(features.positions == alone.positions)
      expectClose(features.features.value, alone.features.value, tolerance: 1e-5)
    }
    #expect(Set(together.map(\.positions)).count > 1)
  }

  @Test func positionsAreKeptOrCountedAnew() throws {
    let llava = try Llava()
    let pruned = llava.model.visualFeatures(
      try llava.picture(seed: 4), pruning: try PruningSpecification("fopru-rank:0.25"))[0]
    let (kept, total) = (pruned.positions.count, pruned.total)
    #expect(kept == total / 4)
    let sequence = TokenSequence(
      parts: [.tokens([1, 2]), .image(pruned), .tokens([3])], answer: [4, 5])
    let original = llava.model.pack([sequence], positions: .original, tape: .inference)
    #expect(
      original.positions
        == [0, 1] + pruned.positions.map { $0 + 2 } + [total + 2, total + 3])
    let renumbered = llava.model.pack([sequence], positions: .renumbered, tape: .inference)
    #expect(renumbered.positions == Array(0..<kept + 4))
    #expect(original.lengths == renumbered.lengths)
    #expect(original.embeddings.value.values == renumbered.embeddings.value.values)
  }

  @Test func poolingAveragesFeatures() throws {
    let llava = try Llava()
    let pixels = try llava.picture(seed: 5)
    let whole = llava.model.visualFeatures(pixels)[0]
    let pooled = llava.model.visualFeatures(
      pixels, pruning: try PruningSpecification("pool:2"))[0]
    let (rows, columns) = whole.grid
    #expect(rows == 4 && columns == 4)
    #expect(pooled.positions == [0, 2, 8, 10])
    let source = whole.features.value
    for (index, corner) in pooled.positions.enumerated() {
      let window = [corner, corner + 1, corner + columns, corner + columns + 1]
      let mean = (0..<source.width).map { column in
        window.reduce(Float(0)) { $0 + source[flat: $1 * source.width + column] } / 4
      }
      expectClose(
        pooled.features.value.rows(index..<index + 1).values, mean, tolerance: 1e-5)
    }
  }

  @Test func gradientsGoThroughPruning() throws {
    let llava = try Llava()
    for name in ["fopru-rank:0.5", "pool:2"] {
      let parameters = llava.model.index.parameters.filter {
        $0.name.hasPrefix("vision_tower.encoder.layer.0.mlp")
      }
      for parameter in parameters { parameter.isTrainable = true }
      let tape = Tape(isRecording: true)
      let features = llava.model.visualFeatures(
        try llava.picture(seed: 6), pruning: try PruningSpecification(name), tape: tape)[0]
      let sequence = TokenSequence(parts: [.image(features), .tokens([3])], answer: [4])
      let batch = llava.model.pack([sequence], tape: tape)
      tape.backward(from: llava.model.loss(batch, tape: tape).loss)
      for parameter in parameters {
        #expect(parameter.variable.gradient?.values.contains { $0 != 0 } == true, "\(name)")
        parameter.variable.clearGradient()
      }
    }
  }
}
