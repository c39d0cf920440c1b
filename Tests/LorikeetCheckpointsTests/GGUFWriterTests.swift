// SPDX-License-Identifier: Apache-2.0

import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct GGUFWriterTests {
  private func pending(_ name: String, _ tensor: StoredTensor) -> PendingTensor {
    PendingTensor(name: name, dtype: tensor.dtype, shape: tensor.shape) { tensor }
  }

  @Test func filesReadBackAsTheyWereWritten() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/x.gguf"
    let matrix = StoredTensor(.random([5, 64], seed: 1))
    let types: [DType] = [.float32, .bfloat16, .float16, .q8_0, .q4_0, .q4_1]
    let tensors =
      types.map { pending("t.\($0.rawValue)", matrix.converted(to: $0)) }
      + [pending("vector", StoredTensor(Tensor([1, 2, 3], [3])))]
    try GGUFWriter.write(
      [
        ("general.architecture", .string("llama")), ("count", .uint32(7)),
        ("number", .float32(0.5)),
        ("yes", .bool(true)), ("ids", .int32s([1, -2])),
        ("words", .strings(["a", "\u{1F426}", ""])),
      ], tensors: tensors, to: path)
    let file = try GGUFFile(path: path)
    #expect(try file.string("general.architecture") == "llama")
    #expect(try file.integer("count") == 7 && file.number("number") == 0.5)
    #expect(try file.bool("yes") == true && file.integers("ids") == [1, -2])
    #expect(try file.strings("words") == ["a", "\u{1F426}", ""])
    #expect(file.names.count == types.count + 1)
    for type in types {
      let found = try #require(file["t.\(type.rawValue)"])
      #expect(found.dtype == type && found.shape == [5, 64])
      let expected = matrix.converted(to: type)
      #expect(found.withBytes { Array($0) } == expected.withBytes { Array($0) })
    }
    #expect(file["vector"]?.tensor().values == [1, 2, 3])
  }

  @Test func whatGGUFDoesNotHaveIsRefused() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/x.gguf"
    let matrix = StoredTensor(.random([2, 64], seed: 1))
    expectError(path, "NF4") {
      try GGUFWriter.write([], tensors: [pending("t", matrix.converted(to: .nf4))], to: path)
    }
    expectError(path, "key k") {
      try GGUFWriter.write([("k", .uint32(-1))], tensors: [], to: path)
    }
    expectError(path, "key k") {
      try GGUFWriter.write([("k", .int32s([1 << 40]))], tensors: [], to: path)
    }
  }
}
