// SPDX-License-Identifier: Apache-2.0

/// Conversion of float32 values to the types in which weights are stored.
///
/// Q8_0, Q4_0 and Q4_1 have the bits that GGUF's reference quantisers give; bfloat16 and float16 round
/// to nearest, ties to even; NF4 is described at `NormalFloat4`.
package enum Quantisation {
  /// The types that `convert` makes.
  package static let types: [DType] = [
    .float32, .bfloat16, .float16, .q8_0, .q4_0, .q4_1, .nf4,
  ]

  /// Converts `count` values, whole blocks.
  package static func convert(
    _ values: UnsafePointer<Float>, count: Int, to dtype: DType,
    into output: UnsafeMutableRawPointer
  ) {
    func each(_ bits: (Float) -> UInt16) {
      for i in 0..<count {
        output.storeBytes(of: bits(values[i]), toByteOffset: 2 * i, as: UInt16.self)
      }
    }
    switch dtype {
    case .float32: output.copyMemory(from: values, byteCount: count * 4)
    case .bfloat16: each(bfloat16)
    case .float16: each(half)
    case .q8_0: eachBlock(values, count, dtype, output, eightBits)
    case .q4_0: eachBlock(values, count, dtype, output, fourBits)
    case .q4_1: eachBlock(values, count, dtype, output, fourBitsWithMinimum)
    case .nf4: eachBlock(values, count, dtype, output, NormalFloat4.quantise)
    default: preconditionFailure("Quantisation: there is no conversion to \(dtype.rawValue)")
    }
  }

  private static func eachBlock(
    _ values: UnsafePointer<Float>, _ count: Int, _ dtype: DType,
    _ output: UnsafeMutableRawPointer,
    _ quantise: (UnsafePointer<Float>, UnsafeMutableRawPointer) -> Void
  ) {
    for block in 0..<count / dtype.blockElements {
      quantise(values + block * dtype.blockElements, output + block * dtype.blockBytes)
    }
  }

  /// The upper half of the bits of a float32, rounded.
  package static func bfloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if bits & 0x7FFF_FFFF > 0x7F80_0000 { return UInt16(bits >> 16) | 0x40 }
    return UInt16((bits + 0x7FFF + (bits >> 16) & 1) >> 16)
  }

  /// IEEE 754 binary16; what is too large becomes infinite.
  package static func half(_ value: Float) -> UInt16 {
    let sign = UInt16(value.bitPattern >> 16) & 0x8000
    let magnitude = value.bitPattern & 0x7FFF_FFFF
    if magnitude > 0x7F80_0000 {
      return sign | 0x7C00 | max(UInt16(truncatingIfNeeded: magnitude >> 13) & 0x3FF, 1)
    }
    if magnitude >= 0x477F_F000 { return sign | 0x7C00 }
    if magnitude < 0x3880_0000 {
      // The last digit of 0.5 + x is worth 2^-24, as that of a small half.
      let sum = Float(bitPattern: magnitude) + 0.5
      return sign | UInt16(sum.bitPattern - 0x3F00_0000)
    }
    let rounded = magnitude + 0xFFF + (magnitude >> 13) & 1
    return sign | UInt16((rounded - 0x3800_0000) >> 13)
  }

  private static func store(_ value: Float, _ output: UnsafeMutableRawPointer, _ offset: Int) {
    output.storeBytes(of: half(value), toByteOffset: offset, as: UInt16.self)
  }

  /// 1 / d, or 0 for a block that is 0 throughout or too small for it.
  private static func inverse(_ d: Float) -> Float {
    let inverse = 1 / d
    return inverse.isFinite ? inverse : 0
  }

  /// d = max |x| / 127, q = x / d rounded, halves away from 0.
  private static func eightBits(_ x: UnsafePointer<Float>, _ output: UnsafeMutableRawPointer) {
    var largest: Float = 0
    for i in 0..<32 { largest = max(largest, abs(x[i])) }
    let d = largest / 127
    let factor = inverse(d)
    store(d, output, 0)
    for i in 0..<32 {
      // Halves away from 0; what is not a number becomes 0.
      let value = x[i] * factor
      let magnitude = value.isNaN ? 0 : min(abs(value), 127)
      let size = Int32(magnitude)
      let rounded = size + (magnitude - Float(size) >= 0.5 ? 1 : 0)
      let q = Int8(truncatingIfNeeded: min(rounded, 127))
      output.storeBytes(of: value < 0 ? -q : q, toByteOffset: 2 + i, as: Int8.self)
    }
  }

  /// d = x / -8 for the x of the largest magnitude, q = x / d + 8 rounded.
  private static func fourBits(_ x: UnsafePointer<Float>, _ output: UnsafeMutableRawPointer) {
    var largest: Float = 0
    for i in 0..<32 where abs(x[i]) > abs(largest) { largest = x[i] }
    let d = largest / -8
    let factor = inverse(d)
    store(d, output, 0)
    nibbles(output + 2) { x[$0] * factor + 8.5 }
  }

  /// d = (max x - min x) / 15, m = min x, q = (x - m) / d rounded.
  private static func fourBitsWithMinimum(
    _ x: UnsafePointer<Float>, _ output: UnsafeMutableRawPointer
  ) {
    var (least, most) = (x[0], x[0])
    for i in 1..<32 {
      least = min(least, x[i])
      most = max(most, x[i])
    }
    let d = (most - least) / 15
    let factor = inverse(d)
    store(d, output, 0)
    store(least, output, 2)
    nibbles(output + 4) { (x[$0] - least) * factor + 0.5 }
  }

  /// 32 numbers, cut to 0 ... 15: the first 16 in low halves of bytes, the others in high ones. What is
  /// not a number becomes 0.
  private static func nibbles(_ output: UnsafeMutableRawPointer, _ value: (Int) -> Float) {
    func four(_ index: Int) -> UInt8 {
      let value = value(index)
      return value > 0 ? UInt8(min(value, 15)) : 0
    }
    for i in 0..<16 {
      output.storeBytes(of: four(i) | four(16 + i) << 4, toByteOffset: i, as: UInt8.self)
    }
  }
}

extension StoredTensor {
  /// Whether the values can be stored as `dtype`: rows must fill its blocks.
  public func canConvert(to dtype: DType) -> Bool {
    self.dtype.isFloatingPoint && Quantisation.types.contains(dtype)
      && dtype.byteCount(elements: shape.width) != nil
  }

  /// The same values, rounded, in another type; itself if it is of that type. NF4 comes with double
  /// quantisation.
  ///
  /// Traps unless `canConvert`.
  public func converted(to dtype: DType) -> StoredTensor {
    guard dtype != self.dtype else { return self }
    let result = convertedToBlocks(of: dtype)
    if dtype == .nf4 { NormalFloat4.quantiseMagnitudes(result.storage, blocks: shape.count / 64) }
    return result
  }

  /// `converted`, but with the exact magnitudes of NF4's blocks.
  package func convertedToBlocks(of dtype: DType) -> StoredTensor {
    guard dtype != self.dtype else { return self }
    precondition(canConvert(to: dtype), "StoredTensor: \(self.dtype.rawValue) \(shape) to \(dtype)")
    let (rows, width) = (shape.rows, shape.width)
    let rowBytes = dtype.byteCount(elements: width) ?? 0
    let result = Storage(byteCount: rows * rowBytes)
    // Rows of the source cannot be told apart if they end inside blocks.
    let whole = self.dtype.byteCount(elements: width) == nil ? tensor() : nil
    nonisolated(unsafe) let output = result.base
    parallelRows(rows, grain: max(1, 16_384 / max(width, 1))) { range in
      for row in range {
        let values = whole?.rows(row..<row + 1) ?? self.rows(row..<row + 1).tensor()
        values.withPointer {
          Quantisation.convert($0, count: width, to: dtype, into: output + row * rowBytes)
        }
      }
    }
    return StoredTensor(
      dtype: dtype, shape: shape, storage: result, bytes: 0..<rows * rowBytes)
  }

  /// Some rows, of the tensor seen as a matrix. Traps if rows do not fill blocks.
  package func rows(_ range: Range<Int>) -> StoredTensor {
    guard let rowBytes = dtype.byteCount(elements: shape.width) else {
      preconditionFailure("StoredTensor.rows: rows of \(dtype.rawValue) \(shape) end inside blocks")
    }
    return StoredTensor(
      dtype: dtype, shape: [range.count, shape.width], storage: storage,
      bytes: bytes.lowerBound + range.lowerBound * rowBytes..<bytes.lowerBound + range.upperBound
        * rowBytes)
  }
}
