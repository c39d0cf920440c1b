// SPDX-License-Identifier: Apache-2.0

/// A tensor as it lies in a file: a type, a shape and bytes, not yet converted.
public struct StoredTensor: Sendable {
  public let dtype: DType
  public let shape: Shape
  public let storage: Storage
  /// The bytes of `storage` that hold the elements.
  public let bytes: Range<Int>

  /// Traps unless `bytes` lies within `storage` and has the length that type and shape ask for;
  /// readers of files check that first.
  public init(dtype: DType, shape: Shape, storage: Storage, bytes: Range<Int>) {
    precondition(
      bytes.lowerBound >= 0 && bytes.upperBound <= storage.byteCount
        && dtype.byteCount(elements: shape.count) == bytes.count,
      "StoredTensor: \(bytes) cannot hold \(dtype.rawValue) \(shape)")
    self.dtype = dtype
    self.shape = shape
    self.storage = storage
    self.bytes = bytes
  }

  /// float32 values of one's own memory.
  public init(_ tensor: Tensor) {
    self.init(
      dtype: .float32, shape: tensor.shape, storage: tensor.storage,
      bytes: tensor.offset * 4..<(tensor.offset + tensor.count) * 4)
  }

  /// Whole numbers as int64. Traps unless there are `shape.count` of them.
  public init(integers values: [Int], _ shape: Shape) {
    let storage = values.map { Int64($0) }.withUnsafeBytes { Storage(copying: $0) }
    self.init(dtype: .int64, shape: shape, storage: storage, bytes: 0..<values.count * 8)
  }

  /// Lends the bytes; the pointer must not leave the closure.
  public func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(start: storage.base + bytes.lowerBound, count: bytes.count))
  }

  /// The values as float32: the mapped bytes themselves when they are aligned float32, else a
  /// converted copy. Integers become floats.
  public func tensor() -> Tensor {
    let address = UInt(bitPattern: storage.base) + UInt(bytes.lowerBound)
    if dtype == .float32, address.isMultiple(of: 4), bytes.lowerBound.isMultiple(of: 4) {
      return Tensor(shape: shape, storage: storage, offset: bytes.lowerBound / 4)
    }
    var result = Tensor(uninitialized: shape)
    result.withMutablePointer { output in
      withBytes { Conversion.toFloat32($0, dtype, into: output, count: shape.count) }
    }
    return result
  }

  /// The values as integers. Traps on a type of real numbers.
  public func integers() -> [Int] {
    withBytes { bytes in
      func read<T: FixedWidthInteger>(_: T.Type) -> [Int] {
        (0..<shape.count).map {
          Int(
            truncatingIfNeeded: bytes.loadUnaligned(
              fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self))
        }
      }
      return switch dtype {
      case .int64: read(Int64.self)
      case .int32: read(Int32.self)
      case .int16: read(Int16.self)
      case .int8: read(Int8.self)
      case .uint8, .bool: read(UInt8.self)
      default: preconditionFailure("StoredTensor.integers: the values are \(dtype.rawValue)")
      }
    }
  }
}
