// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import Testing

struct ONNXFileTests {
  private let path = Fixtures.path("checkpoints/tiny-dinov2.onnx")

  @Test func readsInitialisersAndNodes() throws {
    let file = try ONNXFile(path: path)
    let expected = try SafetensorsFile(path: Fixtures.path("checkpoints/tiny-dinov2.safetensors"))
    let name = "encoder.layer.1.mlp.fc1.bias"
    #expect(file["backbone." + name]?.values == expected[name]?.values)
    #expect(file["typed"]?.values == [1.5, -2, 0.25])
    #expect(file["typed_int"]?.integers() == [1, -2, 3])
    #expect(file["made"]?.integers() == [7, -8])
    #expect(file["absent"] == nil)
    let node = try #require(file.nodes.first { $0.name.hasSuffix("query/MatMul") })
    #expect(node.name == "/backbone/encoder/layer.0/attention/attention/query/MatMul")
    #expect(node.operation == "MatMul" && node.inputs.count == 2 && node.outputs.count == 1)
    #expect(file[node.inputs[1]]?.shape == [16, 16])
  }

  @Test func rejectsWhatIsNoModel() throws {
    let scratch = try Scratch()
    for content in [[], [1, 2, 3], Array("a text file, not a model".utf8), [0x08, 0x07]]
      as [[UInt8]]
    {
      let path = try scratch.file("bad.onnx", content)
      expectError(path, "not an ONNX model") { _ = try ONNXFile(path: path) }
    }
  }

  @Test func truncationsThrowAndFlippedBitsNeverTrap() throws {
    let scratch = try Scratch()
    let whole = try bytes(path)
    for count in stride(from: 0, to: whole.count, by: 1009) {
      let path = try scratch.file("cut", whole.prefix(count))
      expectError(path) { _ = try ONNXFile(path: path) }
    }
    for index in stride(from: 0, to: whole.count, by: 211) {
      var copy = whole
      copy[index] ^= UInt8(1 << (index % 8))
      let path = try scratch.file("flipped", copy)
      if let file = try? ONNXFile(path: path) {
        for name in file.names { _ = file[name]?.tensor() }
      }
    }
  }
}
