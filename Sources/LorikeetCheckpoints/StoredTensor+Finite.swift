// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

extension StoredTensor {
  /// Whether no value is NaN or infinite; in block formats, whether no scale is. Reads every byte.
  public var isFinite: Bool {
    if dtype == .float32 { return Kernels.isFinite(tensor()) }
    return withBytes { bytes in
      switch dtype {
      case .float64: allFinite(bytes, exponent: 0x7FF0_0000_0000_0000 as UInt64)
      case .float16: allFinite(bytes, exponent: 0x7C00 as UInt16)
      case .bfloat16: allFinite(bytes, exponent: 0x7F80 as UInt16)
      case .q8_0, .q4_0, .q4_1:
        stride(from: 0, to: bytes.count, by: dtype.blockBytes).allSatisfy { block in
          // float16 at the start of each block: the scale, and for Q4_1 the minimum behind it.
          (0..<(dtype == .q4_1 ? 2 : 1)).allSatisfy {
            let bits = bytes.loadUnaligned(fromByteOffset: block + 2 * $0, as: UInt16.self)
            return bits & 0x7C00 != 0x7C00
          }
        }
      case .nf4:
        stride(from: 0, to: bytes.count, by: dtype.blockBytes).allSatisfy { block in
          bytes.loadUnaligned(fromByteOffset: block, as: Float.self).isFinite
        }
      case .float32, .int64, .int32, .int16, .int8, .uint8, .bool: true
      }
    }
  }
}

/// Whether no element has all bits of the exponent set. A block is summed up before each test, so
/// that the loop has no branch.
private func allFinite<Bits: FixedWidthInteger & BitwiseCopyable>(
  _ bytes: UnsafeRawBufferPointer, exponent: Bits
) -> Bool {
  let size = MemoryLayout<Bits>.size
  let count = bytes.count / size
  for start in stride(from: 0, to: count, by: 4096) {
    let block = UnsafeRawBufferPointer(
      rebasing: bytes[start * size..<min(start + 4096, count) * size])
    var bad: Bits = 0
    for index in 0..<block.count / size {
      let bits = block.loadUnaligned(fromByteOffset: index &* size, as: Bits.self)
      bad |= bits & exponent == exponent ? 1 : 0
    }
    if bad != 0 { return false }
  }
  return true
}
