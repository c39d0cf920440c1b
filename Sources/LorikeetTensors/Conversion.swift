// SPDX-License-Identifier: Apache-2.0

/// Conversion of stored elements to float32.
package enum Conversion {
  /// Converts `count` elements. `bytes` holds them whole; `count` fills whole blocks.
  package static func toFloat32(
    _ bytes: UnsafeRawBufferPointer, _ dtype: DType, into output: UnsafeMutablePointer<Float>,
    count: Int
  ) {
    switch dtype {
    case .float32:
      guard count > 0, let base = bytes.baseAddress else { return }
      UnsafeMutableRawPointer(output).copyMemory(from: base, byteCount: count * 4)
    case .float64: convert(bytes, output, count) { (x: Double) in Float(x) }
    case .float16: convert(bytes, output, count) { (x: UInt16) in float(half: x) }
    case .bfloat16:
      convert(bytes, output, count) { (x: UInt16) in Float(bitPattern: UInt32(x) << 16) }
    case .int64: convert(bytes, output, count) { (x: Int64) in Float(x) }
    case .int32: convert(bytes, output, count) { (x: Int32) in Float(x) }
    case .int16: convert(bytes, output, count) { (x: Int16) in Float(x) }
    case .int8: convert(bytes, output, count) { (x: Int8) in Float(x) }
    case .uint8, .bool: convert(bytes, output, count) { (x: UInt8) in Float(x) }
    case .q8_0:
      for block in 0..<count / 32 {
        let scale = float(half: bytes.loadUnaligned(fromByteOffset: block * 34, as: UInt16.self))
        for i in 0..<32 {
          output[block * 32 + i] = scale * Float(Int8(bitPattern: bytes[block * 34 + 2 + i]))
        }
      }
    case .q4_0: nibbles(bytes, output, count, header: 2) { scale, _ in (scale, -8 * scale) }
    case .q4_1: nibbles(bytes, output, count, header: 4) { scale, minimum in (scale, minimum) }
    case .nf4:
      for block in 0..<count / 64 {
        let scale = bytes.loadUnaligned(fromByteOffset: block * 36, as: Float.self)
        for i in 0..<32 {
          let byte = bytes[block * 36 + 4 + i]
          let first = block * 64 + (i & 16) * 2 + (i & 15)
          output[first] = scale * NormalFloat4.codes[Int(byte & 0xF)]
          output[first + 16] = scale * NormalFloat4.codes[Int(byte >> 4)]
        }
      }
    }
  }

  /// IEEE 754 binary16 to binary32, exactly.
  package static func float(half bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10) & 0x1F
    let fraction = UInt32(bits) & 0x3FF
    switch (exponent, fraction) {
    case (0, 0): return Float(bitPattern: sign)
    case (0, _):
      let magnitude = Float(fraction) * 0x1p-24
      return sign == 0 ? magnitude : -magnitude
    case (0x1F, _): return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
  }

  private static func convert<T>(
    _ bytes: UnsafeRawBufferPointer, _ output: UnsafeMutablePointer<Float>, _ count: Int,
    _ value: (T) -> Float
  ) {
    for i in 0..<count {
      output[i] = value(bytes.loadUnaligned(fromByteOffset: i * MemoryLayout<T>.size, as: T.self))
    }
  }

  /// Blocks of 32 four-bit values q: low halves of 16 bytes first, then the high ones; a q + b.
  private static func nibbles(
    _ bytes: UnsafeRawBufferPointer, _ output: UnsafeMutablePointer<Float>, _ count: Int,
    header: Int, _ line: (Float, Float) -> (Float, Float)
  ) {
    for block in 0..<count / 32 {
      let start = block * (header + 16)
      let scale = float(half: bytes.loadUnaligned(fromByteOffset: start, as: UInt16.self))
      let second = float(
        half: bytes.loadUnaligned(fromByteOffset: start + header - 2, as: UInt16.self))
      let (a, b) = line(scale, second)
      for i in 0..<16 {
        let byte = bytes[start + header + i]
        output[block * 32 + i] = a * Float(byte & 0xF) + b
        output[block * 32 + 16 + i] = a * Float(byte >> 4) + b
      }
    }
  }
}
