// SPDX-License-Identifier: Apache-2.0

import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// The 4-bit normal float against a reference in numpy, and in the files of bitsandbytes.
@Suite struct NormalFloat4Tests {
  private static let path = Fixtures.path("quantisation/nf4.safetensors")

  private static func expected(_ name: String) throws -> StoredTensor {
    let file = try SafetensorsFile(path: Fixtures.path("quantisation/nf4_expected.safetensors"))
    return try #require(file[name])
  }

  @Test func filesOfBitsandbytesOpen() throws {
    let checkpoint = try Checkpoint(file: Self.path)
    #expect(checkpoint.names == ["layer.weight", "plain.weight"])
    for (name, values) in [("layer.weight", "nf4"), ("plain.weight", "plain")] {
      let tensor = try #require(checkpoint[name])
      #expect(tensor.dtype == .nf4 && tensor.isFinite)
      try expectEqual(tensor.tensor().values, Self.expected(values).tensor().values)
    }
  }

  @Test func quantisingGivesTheReferencesValues() throws {
    let weight = try Self.expected("weight")
    try expectEqual(
      weight.converted(to: .nf4).tensor().values, Self.expected("nf4").tensor().values)
    let dynamic = try #require(
      SafetensorsFile(path: Fixtures.path("quantisation/values.safetensors"))["dynamic_code"])
    expectEqual(NormalFloat4.dynamicCode, dynamic.tensor().values)
  }

  @Test func writtenTensorsAreTheReferencesAndOpenAgain() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/nf4.safetensors"
    let weight = try Self.expected("weight")
    try SafetensorsFile.write(
      SafetensorsFile.normalFloat4("layer.weight", weight).map { (name: $0, tensor: $1) },
      to: path)
    let (found, reference) = try (SafetensorsFile(path: path), SafetensorsFile(path: Self.path))
    for name in found.names where !name.contains("quant_state") {
      let (a, b) = (try #require(found[name]), try #require(reference[name]))
      #expect(a.dtype == b.dtype && a.shape == b.shape, "\(name)")
      expectEqual(a.withBytes { Array($0) }, b.withBytes { Array($0) })
    }
    let opened = try #require(Checkpoint(file: path)["layer.weight"])
    try expectEqual(opened.tensor().values, Self.expected("nf4").tensor().values)
    // What is quantised already is written without another loss.
    try SafetensorsFile.write(
      SafetensorsFile.normalFloat4("layer.weight", opened).map { (name: $0, tensor: $1) },
      to: path + "2")
    let again = try #require(Checkpoint(file: path + "2")["layer.weight"])
    expectEqual(again.tensor().values, opened.tensor().values)
  }

  @Test func brokenTensorsAreRefused() throws {
    let scratch = try Scratch()
    let reference = try SafetensorsFile(path: Self.path)
    let state = "layer.weight.quant_state.bitsandbytes__nf4"
    func bytes(_ values: [UInt8]) -> StoredTensor {
      values.withUnsafeBytes {
        StoredTensor(
          dtype: .uint8, shape: [values.count], storage: Storage(copying: $0),
          bytes: 0..<values.count)
      }
    }
    func check(_ reason: String, _ change: (inout [String: StoredTensor]) -> Void) throws {
      var tensors: [String: StoredTensor] = [:]
      for name in reference.names where name.hasPrefix("layer") { tensors[name] = reference[name] }
      change(&tensors)
      let path = scratch.path + "/broken.safetensors"
      try SafetensorsFile.write(tensors.map { (name: $0.key, tensor: $0.value) }, to: path)
      expectError(path, reason) { _ = try Checkpoint(file: path) }
    }
    try check("lacks its bytes") { $0["layer.weight"] = nil }
    try check("lacks its bytes") { $0["layer.weight.quant_map"] = nil }
    try check("magnitudes do not fit") { $0["layer.weight.nested_absmax"] = nil }
    try check("magnitudes do not fit") { $0["layer.weight.absmax"] = bytes([1, 2, 3]) }
    try check("bytes do not hold") { $0["layer.weight"] = bytes([1, 2, 3]) }
    try check("JSON") { $0[state] = bytes(Array("{".utf8)) }
    try check("blocks of 64") {
      $0[state] = bytes(
        Array(#"{"quant_type": "nf4", "blocksize": 128, "shape": [75, 256]}"#.utf8))
    }
    try check("blocks of 64") {
      $0[state] = bytes(
        Array(
          #"{"quant_type": "nf4", "blocksize": 64, "shape": [9223372036854775807, 256]}"#.utf8))
    }
    try check("of 4-bit types nf4 is read") {
      $0["layer.weight.quant_state.bitsandbytes__fp4"] = $0.removeValue(forKey: state)
    }
  }
}
