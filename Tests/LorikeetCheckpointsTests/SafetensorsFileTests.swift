// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import Testing

struct SafetensorsFileTests {
  private struct Expected: Decodable {
    let shape: [Int]
    let values: [Float]
  }

  @Test func readsAllTypesOfTheReferenceLibrary() throws {
    let file = try SafetensorsFile(path: Fixtures.path("checkpoints/all_types.safetensors"))
    let expected = try JSONFile.decode(
      [String: Expected].self, from: Fixtures.path("checkpoints/all_types.json"))
    #expect(file.names == expected.keys.sorted())
    #expect(file.metadata == ["format": "pt"])
    for (name, value) in expected {
      let tensor = try #require(file[name])
      #expect(tensor.shape == Shape(value.shape))
      #expect(tensor.values == value.values, "\(name)")
    }
    #expect(file["int8"]?.integers() == (-5..<7).map { $0 })
    #expect(file["absent"] == nil)
  }

  @Test func writesTheBytesOfTheReferenceLibrary() throws {
    let scratch = try Scratch()
    let source = Fixtures.path("checkpoints/all_types.safetensors")
    let file = try SafetensorsFile(path: source)
    let tensors = file.names.map { (name: $0, tensor: file[$0]!) }
    try SafetensorsFile.write(tensors.reversed(), to: scratch.path + "/copy")
    #expect(try bytes(scratch.path + "/copy") == bytes(source))
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["copy"])
  }

  @Test func writesAndReadsNothing() throws {
    let scratch = try Scratch()
    try SafetensorsFile.write([], metadata: [:], to: scratch.path + "/empty")
    let file = try SafetensorsFile(path: scratch.path + "/empty")
    #expect(file.names.isEmpty && file.metadata.isEmpty)
  }

  @Test func refusesToWriteWhatTheFormatLacks() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/x"
    let one = StoredTensor(Tensor([1], [1]))
    expectError(path, "tensor a", "twice") {
      try SafetensorsFile.write([("a", one), ("a", one)], to: path)
    }
    expectError(path, "twice") { try SafetensorsFile.write([("__metadata__", one)], to: path) }
    let block = StoredTensor(
      dtype: .q8_0, shape: [0],
      storage: Storage(copying: UnsafeRawBufferPointer(start: nil, count: 0)),
      bytes: 0..<0)
    expectError(path, "Q8_0") { try SafetensorsFile.write([("a", block)], to: path) }
    expectError(scratch.path + "/no/x", "cannot write") {
      try SafetensorsFile.write([("a", one)], to: scratch.path + "/no/x")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
  }

  /// A file with this header and this many bytes of data.
  private func hostile(_ header: String, data: Int = 8) -> [UInt8] {
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
      + Array(repeating: 0, count: data)
  }

  @Test(arguments: [
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#, "expected '}'"),
    (#"["a"]"#, "not a JSON object"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} x"#, "the end of the header"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}}"#, "do not lie within"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, "do not lie within"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}"#, "do not lie within"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#, "takes 4 bytes"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}"#, "non-negative integer"),
    (#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, "non-negative integer"),
    (#"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#, "expected ']'"),
    (#"{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}"#, "type F99"),
    (#"{"a":{"dtype":"Q8_0","shape":[0],"data_offsets":[0,0]}}"#, "type Q8_0"),
    (#"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}"#, "below 2^63"),
    (
      #"{"a":{"dtype":"F32","shape":[4611686018427387904,8,0],"data_offsets":[0,8]}}"#, "too large"
    ),
    (
      #"{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]}}"#, "too large"
    ),
    (#"{"a":{"dtype":"F32","shape":[2]}}"#, "lacks"),
    (#"{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "one dtype"),
    (#"{"a":3}"#, "expected '{'"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, "4 bytes of data belong"),
    (
      #"{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#,
      "tensor b: its place 4..<8 overlaps a"
    ),
    (
      #"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#,
      "tensor b: its place 4..<8 leaves a gap after a"
    ),
    (
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\u0061":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
      "tensor a: the header has the name twice"
    ),
    (#"{"__metadata__":{"a":1}}"#, "a string"),
    (#"{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "surrogate"),
    (#"{"\x":1}"#, "an escape"),
    (#"{"abc"#, "the end of a string"),
    (#"{"\u12"#, "hexadecimal"),
  ]) func rejectsHostileHeaders(header: String, part: String) throws {
    let scratch = try Scratch()
    let path = try scratch.file("bad.safetensors", hostile(header))
    expectError(path, part) { _ = try SafetensorsFile(path: path) }
  }

  @Test func rejectsWhatIsNoSafetensors() throws {
    let scratch = try Scratch()
    for (name, content) in [
      ("empty", []), ("short", [1, 2, 3]), ("text", Array("this is a text file".utf8)),
      ("huge", Array(repeating: 255, count: 64)), ("zero", Array(repeating: 0, count: 64)),
      ("utf8", hostile("{\"a").prefix(11) + [0xFF, 0x22]),
    ] as [(String, [UInt8])] {
      let path = try scratch.file(name, content)
      expectError(path) { _ = try SafetensorsFile(path: path) }
    }
    var bad = hostile(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#)
    bad[10] = 0xFF
    let path = try scratch.file("notUTF8", bad)
    expectError(path, "UTF-8") { _ = try SafetensorsFile(path: path) }
    expectError(scratch.path + "/none", "cannot open") {
      _ = try SafetensorsFile(path: scratch.path + "/none")
    }
    expectError(scratch.path, "not a regular file") { _ = try SafetensorsFile(path: scratch.path) }
  }

  @Test func everyTruncationThrows() throws {
    let scratch = try Scratch()
    let whole = try bytes(Fixtures.path("checkpoints/all_types.safetensors"))
    for count in stride(from: 0, to: whole.count, by: 3) {
      let path = try scratch.file("cut", whole.prefix(count))
      expectError(path) { _ = try SafetensorsFile(path: path) }
    }
  }

  @Test func flippedBitsNeverTrap() throws {
    let scratch = try Scratch()
    let whole = try bytes(Fixtures.path("checkpoints/all_types.safetensors"))
    for index in 0..<min(whole.count, 1400) {
      var copy = whole
      copy[index] ^= UInt8(1 << (index % 8))
      let path = try scratch.file("flipped", copy)
      if let file = try? SafetensorsFile(path: path) {
        for name in file.names { _ = file[name]?.tensor() }
      }
    }
  }

  @Test func opensAThousandTensorsInAFewMilliseconds() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/many.safetensors"
    let one = StoredTensor(Tensor([1, 2], [1, 2]))
    try SafetensorsFile.write(
      (0..<1000).map { ("model.layers.\($0).self_attn.q_proj.weight", one) }, to: path)
    var count = 0
    let duration = try ContinuousClock().measure {
      for _ in 0..<10 { count += try SafetensorsFile(path: path).names.count }
    }
    #expect(count == 10_000)
    #expect(duration < .milliseconds(500), "\(duration / 10) each")
  }
}
