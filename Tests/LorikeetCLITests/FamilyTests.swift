// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// The commands with models of families that cut pictures into tiles or patches.
@Suite struct FamilyTests {
  static let families = ["llava-next", "idefics3", "smolvlm", "qwen2-vl", "paligemma"]
  private let pictures = ["wide.png", "tall.png"].map { Fixtures.path("images/seed-1/" + $0) }

  private func run(_ arguments: [String]) throws -> Finished {
    let run = try Command.run(arguments)
    #expect(run.status == 0, "\(arguments.prefix(3)): \(run.errors)")
    return run
  }

  @Test(arguments: families) func answersCaptionsLabelsAndReports(family: String) throws {
    let model = Fixtures.path("processors/\(family)/seed-1/model")
    let start = ["--model", model]
    let short = ["--max-tokens", "4"]
    let answers = try [[], [pictures[0]], pictures].map { images in
      try run(["generate"] + start + ["--prompt", "What is this?"] + short + images).output
    }
    #expect(answers.allSatisfy { $0.hasSuffix("\n") })
    let captions = try run(["caption"] + start + short + pictures).output.split(separator: "\n")
    #expect(captions.count == 2 && captions[1].hasPrefix(pictures[1] + ": "))
    let labels = try run(["classify"] + start + ["--labels", "bird,car", "--json"] + pictures)
    #expect(labels.output.split(separator: "\n").count == 2)
    try withTemporaryDirectory { directory in
      let setup = try TinySetup(in: directory, model: "processors/\(family)/seed-1/model")
      for task in ["caption", "classify"] {
        let report = directory + "/" + task
        _ = try run(
          ["evaluate", "--model", setup.model, "--data", setup.data, "--task", task]
            + ["--split", "validation", "--report", report])
        #expect(FileManager.default.fileExists(atPath: report))
      }
    }
  }

  @Test func preprocessWritesWhatTransformersReturns() throws {
    try withTemporaryDirectory { directory in
      for (family, names) in [
        ("llava-next", ["image_sizes", "pixel_values"]),
        ("idefics3", ["cols", "pixel_attention_mask", "pixel_values", "rows"]),
        ("qwen2-vl", ["image_grid_thw", "pixel_values"]), ("paligemma", ["pixel_values"]),
      ] {
        let output = directory + "/" + family
        let model = Fixtures.path("processors/\(family)/seed-1/model")
        _ = try run(["debug", "preprocess", "--model", model, "--output", output] + pictures)
        #expect(try SafetensorsFile(path: output).names == names)
      }
    }
  }

  /// What `preprocess` writes, `debug forward` takes.
  @Test func preprocessedPicturesGoThroughTheModel() throws {
    try withTemporaryDirectory { directory in
      for family in ["llava-next", "idefics3", "qwen2-vl"] {
        let model = Fixtures.path("processors/\(family)/seed-1/model")
        let expected = try SafetensorsFile(
          path: Fixtures.path("processors/\(family)/seed-1/expected.safetensors"))
        let (pixels, inputs) = (directory + "/pixels", directory + "/inputs")
        let output = directory + "/" + family
        _ = try run(
          ["debug", "preprocess", "--model", model, "--output", pixels, pictures[0]])
        let file = try SafetensorsFile(path: pixels)
        let ids = try #require(expected["0.input_ids"])
        try SafetensorsFile.write(
          file.names.compactMap { name in file[name].map { (name, $0) } } + [("input_ids", ids)],
          to: inputs)
        _ = try run(
          ["debug", "forward", "--model", model, "--inputs", inputs, "--outputs", output])
        let logits = try #require(try SafetensorsFile(path: output)["logits"]).tensor()
        let wanted = try #require(expected["0.logits"]).tensor()
        let width = wanted.width
        let last = Array(logits.values.suffix(wanted.rows * width))
        expectClose(last, wanted.values, tolerance: 1e-4, family)
      }
    }
  }

  @Test func inputsThatDoNotFit() throws {
    try withTemporaryDirectory { directory in
      let model = Fixtures.path("models/qwen2-vl/seed-1/model")
      let path = directory + "/in.safetensors"
      let ids = StoredTensor(integers: [5, 6], [1, 2])
      func fails(_ tensors: [(String, StoredTensor)], _ cause: String) throws {
        try SafetensorsFile.write([("input_ids", ids)] + tensors, to: path)
        try expectFailure(
          [
            "debug", "forward", "--model", model, "--inputs", path, "--outputs",
            directory + "/out",
          ], naming: path, cause)
      }
      let patches = StoredTensor(Tensor(repeating: 0, [16, 150]))
      func grid(_ values: [Int]) -> StoredTensor {
        StoredTensor(integers: values, [max(values.count / 3, 1), min(values.count, 3)])
      }
      try fails([("pixel_values", patches)], "image_grid_thw")
      for values in [[1, 4, 3], [2, 4, 4], [1, 3, 4], [1, 65_536, 65_536], [0, 4, 4], [4, 4]] {
        try fails([("pixel_values", patches), ("image_grid_thw", grid(values))], "image_grid_thw")
      }
      try fails(
        [
          ("pixel_values", StoredTensor(Tensor(repeating: 0, [16, 75]))),
          ("image_grid_thw", grid([1, 4, 4])),
        ], "150 values a patch")
      try fails(
        [("pixel_values", patches), ("image_grid_thw", grid([1, 4, 4]))], "image tokens")
      let mask = StoredTensor(integers: [1, 1, 1, 0], [1, 1, 2, 2])
      try fails([("pixel_attention_mask", mask)], "hides a part of a picture")
    }
  }
}
