// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// Quantisers against the gguf package's, bit for bit.
@Suite struct QuantisationTests {
  private static func fixture() throws -> SafetensorsFile {
    try SafetensorsFile(path: Fixtures.path("quantisation/values.safetensors"))
  }

  @Test(arguments: [DType.q8_0, .q4_0, .q4_1, .bfloat16, .float16])
  func bitsAreTheReferences(dtype: DType) throws {
    let file = try Self.fixture()
    let values = try #require(file["values"])
    let expected = try #require(file[dtype.rawValue]).withBytes { Array($0) }
    let found = values.converted(to: dtype)
    #expect(found.dtype == dtype && found.shape == values.shape)
    expectEqual(found.withBytes { Array($0) }, expected)
    let back = try #require(file[dtype.rawValue + ".values"]).tensor().values
    // Minus zero and zero are alike.
    expectEqual(found.tensor().values, back)
  }

  @Test func everyHalfSurvivesAndNeighboursRoundToIt() {
    for bits in UInt16.min...UInt16.max {
      let value = Conversion.float(half: bits)
      if value.isNaN {
        #expect(Conversion.float(half: Quantisation.half(value)).isNaN)
        continue
      }
      guard Quantisation.half(value) == bits else {
        Issue.record("\(bits) became \(Quantisation.half(value))")
        continue
      }
      // Halfway to the next one goes to the even one.
      let next = Conversion.float(half: bits + 1)
      if bits & 0x7FFF < 0x7BFF {
        let middle = value + (next - value) / 2
        #expect(Quantisation.half(middle) == bits + bits & 1)
      }
    }
    #expect(Quantisation.half(65519) == 0x7BFF && Quantisation.half(65520) == 0x7C00)
    #expect(Quantisation.half(-.infinity) == 0xFC00)
  }

  @Test func bfloat16RoundsToEven() {
    #expect(Quantisation.bfloat16(Float(bitPattern: 0x3F80_8000)) == 0x3F80)
    #expect(Quantisation.bfloat16(Float(bitPattern: 0x3F81_8000)) == 0x3F82)
    #expect(Quantisation.bfloat16(.infinity) == 0x7F80)
    #expect(Float(bitPattern: UInt32(Quantisation.bfloat16(.nan)) << 16).isNaN)
  }

  @Test func conversionsGoBetweenAllTypes() throws {
    let values = try #require(Self.fixture()["values"])
    for from in Quantisation.types {
      let stored = values.converted(to: from)
      // What is quantised already is not quantised again.
      for to in Quantisation.types where to != from {
        let direct = StoredTensor(stored.tensor()).converted(to: to)
        expectEqual(stored.converted(to: to).tensor().values, direct.tensor().values)
      }
    }
  }

  @Test func rowsThatDoNotFillBlocksCannotBeConverted() {
    let odd = StoredTensor(Tensor(repeating: 1, [64, 33]))
    #expect(!odd.canConvert(to: .q8_0) && !odd.canConvert(to: .nf4) && odd.canConvert(to: .float16))
    let narrow = StoredTensor(Tensor(repeating: 1, [2, 32]))
    #expect(narrow.canConvert(to: .q4_0) && !narrow.canConvert(to: .nf4))
    #expect(!narrow.canConvert(to: .int8))
    let none = StoredTensor(Tensor(repeating: 1, [0, 64])).converted(to: .q4_1)
    #expect(none.bytes.isEmpty && none.tensor().values.isEmpty)
  }

  @Test func noValueIsTooMuchForAQuantiser() {
    let extremes: [Float] = [
      .nan, .infinity, -.infinity, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
      .leastNonzeroMagnitude, -0.0, 0, 1,
    ]
    let values = (0..<256).map { extremes[($0 * $0 + $0 / 32) % extremes.count] }
    for type in Quantisation.types {
      let stored = StoredTensor(Tensor(values, [2, 128])).converted(to: type)
      #expect(stored.tensor().count == 256)
    }
  }
}
