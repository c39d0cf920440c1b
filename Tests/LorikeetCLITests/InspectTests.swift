// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import Testing

@Suite struct InspectTests {
  private let path = Fixtures.path("adapters/llava-lora/seed-1")

  private func object(_ arguments: String...) throws -> [String: Any] {
    let run = try Command.run(["inspect", "--json"] + arguments)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.split(separator: "\n").count == 1)
    return try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
  }

  @Test func modelsAreDescribed() throws {
    let plain = try Command.run("inspect", path + "/model")
    #expect(plain.status == 0 && plain.errors == "")
    let lines = plain.output.split(separator: "\n")
    #expect(lines.first?.hasSuffix("model, llava (encoder dinov2, decoder llama)") == true)
    #expect(lines.count == 4)
    #expect(lines.last?.hasPrefix("  decoder") == true && lines.last?.hasSuffix("  F32") == true)
    let found = try object(path + "/model")
    #expect(
      Set(found.keys) == [
        "path", "kind", "model_type", "encoder_type", "decoder_type", "parameters", "parts",
      ])
    #expect(found["kind"] as? String == "model")
    let parts = try #require(found["parts"] as? [[String: Any]])
    #expect(parts.map { $0["name"] as? String } == ["encoder", "projector", "decoder"])
    #expect(Set(parts[0].keys) == ["name", "tensors", "parameters", "types"])
  }

  @Test func adaptersAreDescribed() throws {
    let plain = try Command.run("inspect", path + "/adapter", "--model", path + "/model")
    #expect(plain.status == 0, "\(plain.errors)")
    #expect(plain.output.contains("adapter default, LoRA, r 4, alpha 10.0, dropout 0.0\n"))
    #expect(
      plain.output.contains(
        "    model.language_model.layers.*.self_attn.q_proj: 2, layers 0-1\n"))
    #expect(plain.output.contains("    model.multi_modal_projector.linear_1: 1\n"))
    let keys: Set = [
      "path", "kind", "name", "peft_type", "r", "lora_alpha", "use_dora", "target_modules",
      "modules_to_save", "parameters", "parts",
    ]
    let alone = try object(path + "/adapter")
    #expect(Set(alone.keys) == keys)
    #expect((alone["target_modules"] as? [String])?.contains("q_proj") == true)
    let found = try object(path + "/adapter", "--model", path + "/model")
    #expect(
      Set(found.keys) == keys.union(["modalities", "modules", "groups", "replaced"]))
    #expect(found["modalities"] is NSNull)
    let groups = try #require(found["groups"] as? [[String: Any]])
    #expect(Set(groups[0].keys) == ["pattern", "count"])
  }

  @Test func misuseIsAnError() throws {
    try expectFailure(
      ["inspect", path + "/model", "--model", path + "/model"], naming: path + "/model",
      "is a model; --model goes with an adapter")
    let other = Fixtures.path("models/dinov2/seed-1/model")
    try expectFailure(
      ["inspect", path + "/adapter", "--model", other], naming: path + "/adapter",
      "another model")
  }
}
