// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAdapters
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import LorikeetVisionLanguage
import Testing

struct InspectionTests {
  @Test(arguments: [
    ("llava", "llava", ["encoder", "projector", "decoder"], ["dinov2", "llama"]),
    ("idefics3", "idefics3", ["encoder", "projector", "decoder"], ["idefics3_vision", "llama"]),
    (
      "paligemma", "paligemma", ["encoder", "projector", "decoder"],
      ["siglip_vision_model", "gemma"]
    ),
    ("dual-clip", "clip", ["encoder", "projector", "text encoder"], []),
    ("dinov2", "dinov2", ["encoder"], []), ("clip", "clip_vision_model", ["encoder"], []),
    ("qwen2", "qwen2", ["decoder"], []),
  ])
  func modelsFallIntoParts(
    name: String, type: String, parts: [String], inner: [String]
  ) throws {
    let directory = Fixtures.path("models/\(name)/seed-1/model")
    let inspection = try #require(try Inspection.all(of: directory).first)
    guard case .model(type, let found) = inspection.kind else {
      Issue.record("\(inspection.kind)")
      return
    }
    #expect(found.map(\.type) == inner)
    #expect(inspection.parts.map(\.name) == parts)
    let checkpoint = try Checkpoint(directory: directory)
    #expect(inspection.parts.reduce(0) { $0 + $1.tensors } == checkpoint.names.count)
    let values = checkpoint.names.reduce(0) { $0 + (checkpoint[$1]?.shape.count ?? 0) }
    #expect(inspection.values == values)
    #expect(inspection.parts.allSatisfy { $0.types == ["F32": $0.values] })
  }

  /// PEFT has written a matrix A for each module that it has adapted.
  @Test(arguments: ["llava-lora", "lora", "dora", "lora-layers", "lora-patterns"])
  func adaptersArePutOnTheModulesThatPEFTAdapted(name: String) throws {
    let path = Fixtures.path("adapters/\(name)/seed-1")
    let found = try #require(try Attachment.all(of: path + "/adapter", on: path + "/model").first)
    let file = try SafetensorsFile(path: path + "/adapter/adapter_model.safetensors")
    let (head, tail) = ("base_model.model.", ".lora_A.weight")
    let expected = file.names.filter { $0.hasSuffix(tail) }.map {
      String($0.dropFirst(head.count).dropLast(tail.count))
    }
    #expect(!expected.isEmpty)
    #expect(found.modules.sorted() == expected.sorted())
    #expect(found.groups.reduce(0) { $0 + $1.count } == expected.count)
    #expect(found.parameters == file.names.reduce(0) { $0 + (file[$1]?.shape.count ?? 0) })
    #expect(found.name == "default" && found.modalities == nil)
    #expect(found.replaced.isEmpty == (name != "dora"), "\(found.replaced)")
    if name == "llava-lora" {
      let query = found.groups.first { $0.pattern.hasSuffix("layers.*.self_attn.q_proj") }
      #expect(query?.pattern == "model.language_model.layers.*.self_attn.q_proj")
      #expect(query?.layers == [0, 1])
      #expect(
        found.groups.contains {
          $0.pattern == "model.multi_modal_projector.linear_1" && $0.layers.isEmpty
        })
    }
  }

  @Test func adaptersThatMatchNothingAreErrors() throws {
    let dual = Fixtures.path("models/dual-siglip/seed-1/model")
    let lora = Fixtures.path("adapters/lora/seed-1/adapter")
    let error = #expect(throws: (any Error).self) { try Attachment.all(of: lora, on: dual) }
    let message = "\(try #require(error))"
    #expect(message.contains("another model"), "\(message)")
    try withTemporaryDirectory { directory in
      try FileManager.default.copyItem(atPath: lora, toPath: directory + "/a")
      let file = directory + "/a/adapter_config.json"
      let text = #"{"peft_type": "LORA", "target_modules": ["nothing"]}"#
      try Data(text.utf8).write(to: URL(filePath: file))
      let none = #expect(throws: AdapterError.self) {
        try Attachment.all(of: directory + "/a", on: dual)
      }
      #expect(
        none?.description.hasPrefix("\(file): the targets nothing match no linear layer") == true)
    }
  }
}
