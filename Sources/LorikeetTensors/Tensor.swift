// SPDX-License-Identifier: Apache-2.0

/// A dense, row-major array of float32 values.
///
/// Copies share memory until one of them is written to. Slices by rows and reshapes share it too. A
/// tensor may stand on a mapped file; writing to it makes a copy first.
public struct Tensor: Sendable {
  public let shape: Shape
  package private(set) var storage: Storage
  /// The first element, counted in elements from the start of the storage.
  package private(set) var offset: Int

  package init(shape: Shape, storage: Storage, offset: Int) {
    self.shape = shape
    self.storage = storage
    self.offset = offset
  }

  /// Memory that is yet to be filled.
  package init(uninitialized shape: Shape) {
    self.init(shape: shape, storage: Storage(byteCount: shape.count * 4), offset: 0)
  }

  /// A tensor of one value throughout.
  public init(repeating value: Float = 0, _ shape: Shape) {
    self.init(uninitialized: shape)
    withMutablePointer { $0.update(repeating: value, count: shape.count) }
  }

  /// A tensor of the given values. Traps unless there are `shape.count` of them.
  public init(_ values: [Float], _ shape: Shape) {
    precondition(
      values.count == shape.count, "Tensor: \(values.count) values do not fill \(shape)")
    self.init(uninitialized: shape)
    withMutablePointer { pointer in
      values.withUnsafeBufferPointer {
        if let base = $0.baseAddress { pointer.update(from: base, count: $0.count) }
      }
    }
  }

  public var count: Int { shape.count }
  /// The product of all extents but the last.
  public var rows: Int { shape.rows }
  /// The last extent.
  public var width: Int { shape.width }

  /// The values, copied, in row-major order.
  public var values: [Float] {
    withPointer { Array(UnsafeBufferPointer(start: $0, count: count)) }
  }

  /// The value of a tensor of one element. Traps on any other.
  public var scalar: Float {
    precondition(count == 1, "Tensor.scalar: the shape is \(shape)")
    return withPointer { $0[0] }
  }

  /// Element `index` in row-major order.
  public subscript(flat index: Int) -> Float {
    get {
      precondition(index >= 0 && index < count, "Tensor: index \(index) of \(count)")
      return withPointer { $0[index] }
    }
    set {
      precondition(index >= 0 && index < count, "Tensor: index \(index) of \(count)")
      withMutablePointer { $0[index] = newValue }
    }
  }

  /// The same values under another shape, without a copy. Traps if the counts differ.
  public func reshaped(_ shape: Shape) -> Tensor {
    precondition(shape.count == count, "Tensor.reshaped: \(self.shape) to \(shape)")
    return Tensor(shape: shape, storage: storage, offset: offset)
  }

  /// Rows of the tensor seen as a matrix `[rows, width]`, without a copy.
  public func rows(_ range: Range<Int>) -> Tensor {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= rows, "Tensor.rows: \(range) of \(shape)")
    return Tensor(
      shape: Shape(range.count, width), storage: storage, offset: offset + range.lowerBound * width)
  }

  /// Lends the values for reading; the pointer must not leave the closure.
  package func withPointer<Result, Failure: Error>(
    _ body: (UnsafePointer<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(
      UnsafePointer(storage.base.assumingMemoryBound(to: Float.self) + offset))
  }

  /// Lends the values for writing, after a copy if anyone else holds the memory.
  package mutating func withMutablePointer<Result, Failure: Error>(
    _ body: (UnsafeMutablePointer<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    if !storage.isWritable || !isKnownUniquelyReferenced(&storage) {
      let copy = Storage(byteCount: count * 4)
      copy.base.copyMemory(from: storage.base + offset * 4, byteCount: count * 4)
      storage = copy
      offset = 0
    }
    return try body(storage.base.assumingMemoryBound(to: Float.self) + offset)
  }

  /// Whether writing needs no copy.
  package mutating func isUniquelyOwned() -> Bool {
    storage.isWritable && isKnownUniquelyReferenced(&storage)
  }

  /// Lends the values for reading.
  public func withValues<Result, Failure: Error>(
    _ body: (UnsafeBufferPointer<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withPointer { pointer throws(Failure) in
      try body(UnsafeBufferPointer(start: pointer, count: count))
    }
  }
}
