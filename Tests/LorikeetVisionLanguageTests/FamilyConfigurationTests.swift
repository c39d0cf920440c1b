// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import LorikeetVisionLanguage
import Testing

/// Configurations in circulation, and wrong ones.
@Suite struct FamilyConfigurationTests {
  private typealias Object = [String: Any]

  /// A copy of a reference case's model with another configuration and other names of weights.
  private func withModel(
    _ reference: ReferenceCase, _ change: (inout Object) -> Void,
    renaming: (String) -> String = { $0 }, _ body: (String) throws -> Void
  ) throws {
    try withTemporaryDirectory { directory in
      let data = try Data(contentsOf: URL(filePath: reference.modelDirectory + "/config.json"))
      var configuration = try #require(try JSONSerialization.jsonObject(with: data) as? Object)
      change(&configuration)
      try JSONSerialization.data(withJSONObject: configuration).write(
        to: URL(filePath: directory + "/config.json"))
      let file = try SafetensorsFile(path: reference.modelDirectory + "/model.safetensors")
      try SafetensorsFile.write(
        file.names.compactMap { name in file[name].map { (renaming(name), $0) } },
        to: directory + "/model.safetensors")
      try body(directory)
    }
  }

  private func change(_ key: String, in object: inout Object, _ body: (inout Object) -> Void) {
    var nested = object[key] as? Object ?? [:]
    body(&nested)
    object[key] = nested
  }

  /// The published files of Qwen2-VL have the decoder's keys beside the others, and older names.
  @Test(arguments: ["qwen2-vl", "qwen2.5-vl"]) func publishedLayoutOfQwen(family: String) throws {
    let reference = try ReferenceCase("models/\(family)/seed-1")
    let flatten = { (configuration: inout Object) in
      var text = configuration["text_config"] as? Object ?? [:]
      let rotary = text.removeValue(forKey: "rope_parameters") as? Object ?? [:]
      text["model_type"] = nil
      configuration["text_config"] = nil
      configuration.merge(text) { old, _ in old }
      configuration["rope_theta"] = rotary["rope_theta"]
      configuration["rope_scaling"] = [
        "type": "mrope", "mrope_section": rotary["mrope_section"] ?? [],
      ]
      let type = configuration["model_type"]
      change("vision_config", in: &configuration) { vision in
        vision["model_type"] = type
        vision["in_chans"] = 3
        vision["in_channels"] = nil
        vision["rope_parameters"] = nil
      }
    }
    let layouts: [(String) -> String] = [
      { $0 },
      { name in
        name.hasPrefix("visual.")
          ? "model." + name
          : name.hasPrefix("model.") ? "model.language_model." + name.dropFirst(6) : name
      },
    ]
    for renaming in layouts {
      try withModel(reference, flatten, renaming: renaming) { directory in
        let outputs = try ReferenceForward(model: directory).outputs(
          for: try ReferenceInputs(path: reference.directory + "/inputs.safetensors"))
        expectClose(
          outputs[0].tensor.tensor(), try reference.expected("logits"), tolerance: 1e-4, family)
      }
    }
  }

  @Test(arguments: [
    ("spatial_merge_size", 0, "spatial_merge_size"), ("spatial_merge_size", 65, "out of range"),
    ("patch_size", 0, "patch_size"), ("num_heads", 3, "embed_dim"), ("embed_dim", 2, "embed_dim"),
    ("mlp_ratio", -1, "embed_dim"), ("depth", 4097, "depth"), ("depth", 3, "blocks.2."),
    ("temporal_patch_size", 3, "patch_embed.proj.weight"), ("in_channels", 1, "in_channels"),
  ])
  func wrongTowersOfQwen(key: String, value: Int, cause: String) throws {
    let reference = try ReferenceCase("models/qwen2-vl/seed-1")
    let wrong = { (configuration: inout Object) in
      change("vision_config", in: &configuration) { $0[key] = value }
    }
    try withModel(reference, wrong) { directory in
      try expectRefusal(directory, cause)
    }
  }

  @Test func wrongPositionsAndWindows() throws {
    let reference = try ReferenceCase("models/qwen2.5-vl/seed-1")
    for sections in [[9, 9, 9], [0, 2, 2], [-4, 8], [Int.max, 1, 1]] {
      let wrong = { (configuration: inout Object) in
        change("text_config", in: &configuration) { text in
          change("rope_parameters", in: &text) { $0["mrope_section"] = sections }
        }
      }
      try withModel(reference, wrong) { try expectRefusal($0, "mrope_section") }
    }
    let missing = { (configuration: inout Object) in
      change("text_config", in: &configuration) { text in
        change("rope_parameters", in: &text) { $0["mrope_section"] = nil }
      }
    }
    try withModel(reference, missing) { try expectRefusal($0, "mrope_section") }
    for (key, value) in [("window_size", 9), ("window_size", 0), ("intermediate_size", 0)] {
      let wrong = { (configuration: inout Object) in
        change("vision_config", in: &configuration) { $0[key] = value }
      }
      try withModel(reference, wrong) { try expectRefusal($0, key) }
    }
    let negative = { (configuration: inout Object) in configuration["image_token_id"] = -1 }
    try withModel(reference, negative) { try expectRefusal($0, "is negative") }
  }

  @Test func wrongGridsOfTiles() throws {
    let reference = try ReferenceCase("models/llava-next/seed-1")
    for grids: [[Int]] in [[], [[20]], [[0, 20]], [[20, 20_000]]] {
      let wrong = { (configuration: inout Object) in configuration["image_grid_pinpoints"] = grids }
      try withModel(reference, wrong) { try expectRefusal($0, "image_grid_pinpoints") }
    }
    let uneven = { (configuration: inout Object) in
      configuration["image_grid_pinpoints"] = [[20, 30]]
    }
    try withModel(reference, uneven) { try expectRefusal($0, "are not multiples of 20") }
  }

  private func expectRefusal(
    _ directory: String, _ cause: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    do {
      _ = try ModelDirectory(directory).load()
      Issue.record("it was read", sourceLocation: sourceLocation)
    } catch {
      #expect("\(error)".contains(cause), sourceLocation: sourceLocation)
    }
  }
}
