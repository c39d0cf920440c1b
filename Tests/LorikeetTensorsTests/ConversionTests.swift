// SPDX-License-Identifier: Apache-2.0

import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct ConversionTests {
  /// The float32 values of stored bytes.
  private func convert(_ dtype: DType, _ bytes: [UInt8], count: Int) -> [Float] {
    bytes.withUnsafeBytes { bytes in
      StoredTensor(
        dtype: dtype, shape: [count], storage: Storage(copying: bytes), bytes: 0..<bytes.count
      ).tensor().values
    }
  }

  #if !(os(macOS) && arch(x86_64))
    @Test func everyHalfIsThatOfTheHardware() {
      for bits in UInt16.min ... .max {
        let (found, expected) = (Conversion.float(half: bits), Float(Float16(bitPattern: bits)))
        if expected.isNaN {
          #expect(found.isNaN, "half \(bits)")
        } else if found.bitPattern != expected.bitPattern {
          Issue.record("half \(bits) is \(found), expected \(expected)")
        }
      }
    }
  #endif

  @Test func realNumbersConvert() {
    // binary16: 1, -2, 65504, 2^-24, infinity
    #expect(
      convert(.float16, [0, 0x3C, 0, 0xC0, 0xFF, 0x7B, 1, 0, 0, 0x7C], count: 5)
        == [1, -2, 65504, 0x1p-24, .infinity])
    // bfloat16: the upper half of a float32
    #expect(
      convert(.bfloat16, [0x80, 0x3F, 0x49, 0xC0, 0, 0x80], count: 3) == [1, -3.140625, -0.0])
    let doubles: [Double] = [0.1, -1e300, 3]
    #expect(
      convert(.float64, doubles.withUnsafeBytes { Array($0) }, count: 3) == [0.1, -.infinity, 3])
    #expect(convert(.int8, [0xFF, 0x80, 5], count: 3) == [-1, -128, 5])
    #expect(convert(.uint8, [0xFF, 0], count: 2) == [255, 0])
    let longs: [Int64] = [-7, 1 << 40]
    #expect(convert(.int64, longs.withUnsafeBytes { Array($0) }, count: 2) == [-7, 0x1p40])
  }

  @Test func blocksOfEightBitsConvert() {
    // d = 0.5 (0x3800); q = -16 ... 15: value = q / 2
    let quants = (-16..<16).map { UInt8(bitPattern: Int8($0)) }
    // d = -2 (0xC000); q = 127, -128, 0 ...
    let second: [UInt8] = [0, 0xC0, 127, 0x80] + Array(repeating: 0, count: 30)
    let found = convert(.q8_0, [0, 0x38] + quants + second, count: 64)
    #expect(Array(found[..<32]) == (-16..<16).map { Float($0) / 2 })
    #expect(Array(found[32...]) == [-254, 256] + Array(repeating: 0, count: 30))
  }

  @Test func blocksOfFourBitsConvert() {
    // Byte i holds i below and 15 - i above: values i, and 16 places later 15 - i.
    let quants = (0..<16).map { UInt8($0 | (15 - $0) << 4) }
    let low = (0..<16).map(Float.init)
    let high = (0..<16).map { Float(15 - $0) }
    // d = 0.25 (0x3400): value = d (q - 8)
    #expect(
      convert(.q4_0, [0, 0x34] + quants, count: 32) == (low + high).map { 0.25 * ($0 - 8) })
    // d = 0.25, m = -3 (0xC200): value = d q + m
    #expect(
      convert(.q4_1, [0, 0x34, 0, 0xC2] + quants, count: 32) == (low + high).map { 0.25 * $0 - 3 })
  }

  @Test func byteCountsRefuseBrokenBlocksAndOverflow() {
    #expect(DType.q8_0.byteCount(elements: 64) == 68)
    #expect(DType.q4_0.byteCount(elements: 32) == 18)
    #expect(DType.q4_1.byteCount(elements: 32) == 20)
    #expect(DType.q8_0.byteCount(elements: 33) == nil)
    #expect(DType.float32.byteCount(elements: .max) == nil)
    #expect(DType.float32.byteCount(elements: -1) == nil)
    #expect(DType.float16.byteCount(elements: 0) == 0)
  }

  @Test func integersKeepTheirValues() {
    let values: [Int32] = [-5, 0, .max]
    let stored = values.withUnsafeBytes {
      StoredTensor(dtype: .int32, shape: [3], storage: Storage(copying: $0), bytes: 0..<12)
    }
    #expect(stored.integers() == [-5, 0, Int(Int32.max)])
  }

  @Test func unalignedFloatsAreConverted() {
    var bytes: [UInt8] = [0xAA]
    [Float(1.5), -2].withUnsafeBytes { bytes += Array($0) }
    let stored = bytes.withUnsafeBytes {
      StoredTensor(dtype: .float32, shape: [2], storage: Storage(copying: $0), bytes: 1..<9)
    }
    #expect(stored.tensor().values == [1.5, -2])
  }
}
