// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import Testing

struct CheckpointTests {
  /// A checkpoint in memory of tensors of ones.
  private func checkpoint(_ shapes: [String: Shape]) -> Checkpoint {
    Checkpoint(shapes.mapValues { StoredTensor(Tensor(repeating: 1, $0)) }, source: "memory")
  }

  @Test func readsShards() throws {
    let checkpoint = try Checkpoint(directory: Fixtures.path("checkpoints/sharded"))
    #expect(checkpoint.names == ["a.weight", "b.weight", "c.weight"])
    #expect(checkpoint["a.weight"]?.values == [1, 1, 1, 1])
    #expect(checkpoint["c.weight"]?.values == [2, 2, 2, 2])
  }

  @Test func readsASingleFile() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/model.safetensors"
    try SafetensorsFile.write([("x", StoredTensor(Tensor([1], [1])))], to: path)
    #expect(try Checkpoint(directory: scratch.path).names == ["x"])
    #expect(try Checkpoint(file: path).source == path)
    expectError(path, "tensor x", "another file") {
      _ = try Checkpoint(files: [path, path], source: scratch.path)
    }
  }

  @Test func reportsBadIndices() throws {
    let scratch = try Scratch()
    let index = scratch.path + "/model.safetensors.index.json"
    try SafetensorsFile.write(
      [("x", StoredTensor(Tensor([1], [1])))], to: scratch.path + "/shard.safetensors")
    for (text, path, part) in [
      ("{}", index, "key weight_map is missing"),
      ("[1", index, "not JSON"),
      (#"{"weight_map": 3}"#, index, "key weight_map is not"),
      (#"{"weight_map": {"x": 3}}"#, index, "key weight_map.x is not a string"),
      (#"{"weight_map": {"x": "../y"}}"#, index, "not a file beside it"),
      (#"{"weight_map": {"x": "none"}}"#, scratch.path + "/none", "cannot open"),
      (#"{"weight_map": {"y": "shard.safetensors"}}"#, index, "lists y"),
    ] {
      _ = try scratch.file("model.safetensors.index.json", text.utf8)
      expectError(path, part) { _ = try Checkpoint(directory: scratch.path) }
    }
    expectError("/no/such", "no such directory") { _ = try Checkpoint(directory: "/no/such") }
  }

  @Test func readersHandOutAndKeepAccount() throws {
    let reader = CheckpointReader(
      checkpoint(["a.b.weight": [2, 3], "a.b.bias": [2], "a.ids": [7], "norm": [1]]))
    let scope = reader.scoped("a").scoped("b")
    #expect(scope.prefix == "a.b" && reader.prefix.isEmpty)
    #expect(scope.tensor("weight", [2, 3])?.shape == [2, 3])
    #expect(scope.contains("bias") && !scope.contains("norm"))
    #expect(scope.shape(of: "bias") == [2])
    #expect(scope.tensor("bias", [3]) == nil)
    #expect(scope.tensor("scale", [1]) == nil)
    #expect(scope.optional("gate", [1]) == nil)
    #expect(reader.tensor("norm", [1]) != nil)
    let report = try reader.finish(strict: false)
    #expect(report.missing == ["a.b.scale"])
    #expect(report.unexpected == ["a.ids"])
    #expect(report.misshapen == [.init(name: "a.b.bias", found: [2], expected: [3])])
    let error = #expect(throws: CheckpointError.self) { try scope.finish() }
    #expect(
      error?.description
        == "memory: 1 tensor missing: a.b.scale; 1 tensor unexpected: a.ids; "
        + "1 tensor of another shape: a.b.bias ([2], expected [3])")
  }

  @Test func cleanAccountsPass() throws {
    let reader = CheckpointReader(checkpoint(["w": [1], "rotary.inv_freq": [4]]))
    _ = reader.scoped("").tensor("w", [1])
    reader.ignore { $0.hasSuffix("inv_freq") }
    #expect(try reader.finish().isClean)
  }

  @Test func longListsAreCut() throws {
    let reader = CheckpointReader(checkpoint([:]))
    for i in 10..<35 { _ = reader.tensor("t\(i)", [1]) }
    let error = #expect(throws: CheckpointError.self) { try reader.finish() }
    let text = try #require(error?.description)
    #expect(text.contains("25 tensors missing: t10, ") && text.hasSuffix("t19 and 15 more"))
  }

  @Test func aliasesFollowTheFile() throws {
    let reader = CheckpointReader(
      checkpoint(["model.vision_tower.w": [1], "lm.layers.0.w": [1], "head": [1], "modelx.w": [1]]))
    let aliased = reader.aliasing([
      ("vision_tower", "model.vision_tower"), ("language_model.model", "lm"), ("model", "modely"),
      ("lm_head", "head"),
    ])
    #expect(aliased.scoped("vision_tower").tensor("w", [1]) != nil)
    #expect(aliased.scoped("language_model").scoped("model.layers.0").tensor("w", [1]) != nil)
    #expect(aliased.tensor("lm_head", [1]) != nil)
    #expect(aliased.tensor("modelx.w", [1]) != nil)  // no whole part matches "model"
    #expect(try reader.finish().isClean)
    // Below a scope, and from an empty prefix.
    let below = reader.scoped("model").aliasing([("", "vision_tower")])
    #expect(below.tensor("w", [1]) != nil)
    // A missing tensor is reported under the builder's name.
    _ = aliased.scoped("vision_tower").tensor("v", [1])
    #expect(try reader.finish(strict: false).missing == ["vision_tower.v"])
  }

  @Test func findsNonFiniteValues() throws {
    let good = StoredTensor(Tensor(repeating: 3, [5000]))
    var nan = Tensor(repeating: 3, [5000])
    nan[flat: 4999] = .nan
    var infinite = Tensor(repeating: 3, [1])
    infinite[flat: 0] = -.infinity
    let reader = CheckpointReader(
      Checkpoint(
        ["good": good, "nan": StoredTensor(nan), "infinite": StoredTensor(infinite)],
        source: "memory"))
    for (name, shape) in [("good", [5000]), ("nan", [5000]), ("infinite", [1])] as [(String, Shape)]
    {
      _ = reader.tensor(name, shape)
    }
    #expect(try reader.finish().isClean)
    #expect(
      try reader.finish(strict: false, checkingFinite: true).nonFinite == ["infinite", "nan"])
    #expect(throws: CheckpointError.self) { try reader.finish(checkingFinite: true) }
    for (dtype, bad) in [
      (.float16, [0, 0x7C]), (.bfloat16, [0x80, 0xFF]), (.float64, [0, 0, 0, 0, 0, 0, 0xF0, 0x7F]),
    ] as [(DType, [UInt8])] {
      let storage = bad.withUnsafeBytes { Storage(copying: $0) }
      let tensor = StoredTensor(dtype: dtype, shape: [1], storage: storage, bytes: 0..<bad.count)
      #expect(!tensor.isFinite, "\(dtype)")
    }
  }
}
