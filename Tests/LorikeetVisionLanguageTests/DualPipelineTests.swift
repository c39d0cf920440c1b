// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTensors
import LorikeetTestSupport
import LorikeetVisionEncoders
import LorikeetVisionLanguage
import Testing

@Suite struct DualPipelineTests {
  /// Calls `body` with a CLIP model that has a tokenizer.
  private func withModel(_ body: (DualPipeline) throws -> Void) throws {
    try withTemporaryDirectory { directory in
      let model = Fixtures.path("models/dual-clip/seed-1/model")
      let manager = FileManager.default
      for (source, name) in [
        (model, "config.json"), (model, "model.safetensors"),
        (Fixtures.path("tokenizers/clip"), "tokenizer.json"),
      ] {
        try manager.copyItem(atPath: source + "/" + name, toPath: directory + "/" + name)
      }
      try body(try DualPipeline(model: directory))
    }
  }

  @Test func textsAreCutToThePositionsAndKeepTheirEnd() throws {
    try withModel { pipeline in
      let tokenizer = try pipeline.makeTokenizer()
      let short = try pipeline.tokens("a", tokenizer)
      #expect(short.first == 0 && short.last == 1 && short.count == 3)
      let long = try pipeline.tokens(String(repeating: "a cat ", count: 40), tokenizer)
      #expect(long.count == pipeline.model.tower.configuration.maxPositions)
      #expect(long.first == 0 && long.last == 1)
      #expect(Array(long.prefix(2)) == Array(short.prefix(2)))
    }
  }

  @Test func labelsAreMeansOfTheirSentences() throws {
    try withModel { pipeline in
      let templates = ["a {}", "the {} {}", "{}."]
      let labels = ["cat", "dog"]
      let found = try pipeline.labelEmbeddings(labels, templates: templates)
      for (row, label) in labels.enumerated() {
        let all = try pipeline.textEmbeddings(["a \(label)", "the \(label) \(label)", "\(label)."])
        var mean = [Float](repeating: 0, count: all.width)
        for (index, value) in all.values.enumerated() { mean[index % all.width] += value / 3 }
        let length = mean.reduce(0) { $0 + $1 * $1 }.squareRoot()
        expectClose(
          found.rows(row..<row + 1).values, mean.map { $0 / length }, tolerance: 1e-5, label)
      }
    }
  }

  @Test func probabilitiesCompeteInCLIPAndStandAloneInSigLIP() throws {
    let clip = try DualPipeline(model: Fixtures.path("models/dual-clip/seed-1/model"))
    let siglip = try DualPipeline(model: Fixtures.path("models/dual-siglip/seed-1/model"))
    expectClose(clip.probabilities([0, Float(log(3.0))]), [0.25, 0.75], tolerance: 1e-6)
    expectClose(siglip.probabilities([0, Float(log(3.0))]), [0.5, 0.75], tolerance: 1e-6)
    #expect(clip.standardTemplate != siglip.standardTemplate)
  }

  @Test func theSentencesOfImageNetAreEighty() {
    let all = PromptTemplates.imageNet
    #expect(all.count == 80 && Set(all).count == 80)
    #expect(all.allSatisfy { $0.contains("{}") && $0.hasSuffix(".") })
    #expect(PromptTemplates.fill("{} or {}", with: "cat") == "cat or cat")
    for known in ["a photo of the hard to see {}.", "itap of my {}.", "the origami {}."] {
      #expect(all.contains(known))
    }
  }
}
