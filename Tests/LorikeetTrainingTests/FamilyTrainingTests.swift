// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAutograd
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTraining
import LorikeetVisionLanguage
import Testing

/// Fine-tuning of families that cut pictures into tiles or patches.
@Suite struct FamilyTrainingTests {
  static let families = [
    "llava-next", "idefics3", "smolvlm", "qwen2-vl", "qwen2.5-vl", "paligemma",
  ]

  @Test(arguments: families) func lossFalls(family: String) throws {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory, model: "processors/\(family)/seed-1/model")
      let run = try finish(
        setup, ["max_steps=40", "eval_steps=40", "encoder.train=lora", "routing=shared"])
      let losses = try run.losses("train")
      #expect(losses.count == 40)
      let (first, last) = (losses.prefix(5).reduce(0, +), losses.suffix(5).reduce(0, +))
      #expect(last < 0.6 * first, "\(losses)")
      // What was learned is what is read.
      let opened = try Pipeline(model: setup.model, adapter: run.directory.adapter)
      let learned = try run.pipeline.probe(setup)
      #expect(try opened.probe(setup) == learned)
      // Nor does it change in the weights, or much in other types.
      _ = try opened.merge()
      let merged = directory + "/merged"
      try ModelWriter.write(opened.model.index, from: setup.model, to: merged)
      for (type, tolerance) in [(nil, 1e-3), (.bfloat16, 0.1)] as [(BaseType?, Float)] {
        let again = try Pipeline(model: merged, baseType: type)
        (again.settings, again.missing) = (opened.settings, opened.missing)
        expectClose(
          try again.probe(setup), learned, tolerance: tolerance, type?.rawValue ?? "as it is")
      }
    }
  }

  @Test(arguments: families) func partsTrainAsAsked(family: String) throws {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory, model: "processors/\(family)/seed-2/model")
      for changes in [
        ["projector.train=lora", "encoder.train=lora", "encoder.r=3", "feature_cache=false"],
        ["projector.train=full", "decoder.train=frozen"],
        ["projector.train=full", "encoder.train=full", "decoder.train=full"],
      ] {
        let output = changes.joined(separator: "-")
        let run = try TinyRun(setup, changes, output: output)
        let model = run.pipeline.model
        let before = model.index.entries.map { $0.parameter.stored.tensor().values }
        _ = try run.trainer.train()
        let isWhole = changes.contains("decoder.train=full")
        var changed: Set<ModelPart> = []
        for (entry, value) in zip(model.index.entries, before)
        where entry.parameter.stored.tensor().values != value {
          changed.insert(model.part(of: entry.modulePath))
        }
        let full: Set<ModelPart> = isWhole ? Set(ModelPart.allCases) : [.projector]
        #expect(changed == (changes[0] == "projector.train=full" ? full : []), "\(changes)")
        let opened = try Pipeline(
          model: isWhole ? run.directory.model : setup.model,
          adapter: isWhole ? nil : run.directory.adapter)
        // What normalises features while a projector trains is folded into its weights.
        if !isWhole {
          expectClose(
            try opened.probe(setup), try run.pipeline.probe(setup), tolerance: 1e-4, output)
        }
      }
    }
  }

  /// Features that were kept are those that the encoder gives each time.
  @Test(arguments: families) func keptFeaturesServeAsFreshOnes(family: String) throws {
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory, model: "processors/\(family)/seed-1/model")
      let options = ["standardize_features=false", "drop_image=0.2"]
      let kinds = ["false", "memory", "disk", "disk"]
      let losses = try kinds.enumerated().map { index, kind in
        try finish(setup, options + ["feature_cache=\(kind)"], output: "\(index)").losses("train")
      }
      expectClose(losses[1].map { Float($0) }, losses[0].map { Float($0) }, tolerance: 1e-4)
      #expect(losses[2] == losses[1] && losses[3] == losses[1])
    }
  }
}
