// SPDX-License-Identifier: Apache-2.0

/// The weight of a linear layer, `[out, in]`, in the type in which it is stored.
///
/// float32 weights are used where they lie, mapped files included. Others are turned into float32 a
/// block of rows at a time inside the product, so that no full-size copy exists.
public struct WeightMatrix: Sendable {
  private enum Content {
    case dense(Tensor)
    case stored(StoredTensor)
  }
  private let content: Content
  public let shape: Shape

  public init(_ tensor: Tensor) {
    content = .dense(tensor)
    shape = tensor.shape
  }

  /// Traps unless the tensor is a matrix of real numbers.
  public init(_ stored: StoredTensor) {
    precondition(
      stored.dtype.isFloatingPoint && stored.shape.rank == 2,
      "WeightMatrix: \(stored.dtype.rawValue) \(stored.shape)")
    content = stored.dtype == .float32 ? .dense(stored.tensor()) : .stored(stored)
    shape = stored.shape
  }

  /// The number of outputs.
  public var outputs: Int { shape[0] }
  /// The number of inputs.
  public var inputs: Int { shape[1] }

  /// The whole matrix as float32; a copy unless it is stored so.
  public var tensor: Tensor {
    switch content {
    case .dense(let tensor): tensor
    case .stored(let stored): stored.tensor()
    }
  }

  /// Rows `range`, as float32.
  package func rows(_ range: Range<Int>) -> Tensor {
    switch content {
    case .dense(let tensor): return tensor.rows(range)
    case .stored(let stored):
      guard let rowBytes = stored.dtype.byteCount(elements: inputs) else {
        // A row that ends inside a block cannot be cut out by itself.
        return stored.tensor().rows(range)
      }
      let start = stored.bytes.lowerBound + range.lowerBound * rowBytes
      return StoredTensor(
        dtype: stored.dtype, shape: [range.count, inputs], storage: stored.storage,
        bytes: start..<start + range.count * rowBytes
      ).tensor()
    }
  }

  /// Blocks of rows whose float32 form stays in the cache.
  private var blocks: [Range<Int>] {
    guard case .stored = content else { return [0..<outputs] }
    let size = max(32, 131_072 / max(inputs, 1))
    return stride(from: 0, to: outputs, by: size).map { $0..<min($0 + size, outputs) }
  }

  /// x W^T: `[rows, in]` to `[rows, out]`.
  package func multiply(_ x: Tensor) -> Tensor {
    if case .dense(let weight) = content { return Kernels.product(x, weight, transposeB: true) }
    let (m, n, k) = (x.rows, outputs, inputs)
    precondition(x.width == k, "WeightMatrix.multiply: \(x.shape) by \(shape)^T")
    var y = Tensor(uninitialized: [m, n])
    y.withMutablePointer { y in
      x.withPointer { x in
        for block in blocks {
          rows(block).withPointer { weight in
            matrixProduct(
              x, lda: k, transposed: false, weight, ldb: k, transposed: true,
              into: y + block.lowerBound, ldc: n, m: m, n: block.count, k: k, alpha: 1, beta: 0)
          }
        }
      }
    }
    return y
  }

  /// g W: `[rows, out]` to `[rows, in]`.
  package func multiplyTransposed(_ g: Tensor) -> Tensor {
    if case .dense(let weight) = content { return Kernels.product(g, weight) }
    let (m, n, k) = (g.rows, inputs, outputs)
    precondition(g.width == k, "WeightMatrix.multiplyTransposed: \(g.shape) by \(shape)")
    var y = Tensor(repeating: 0, [m, n])
    y.withMutablePointer { y in
      g.withPointer { g in
        for block in blocks {
          rows(block).withPointer { weight in
            matrixProduct(
              g + block.lowerBound, lda: k, transposed: false, weight, ldb: n, transposed: false,
              into: y, ldc: n, m: m, n: n, k: block.count, alpha: 1, beta: 1)
          }
        }
      }
    }
    return y
  }

  /// The rows with the given indices, as an embedding looks them up. Traps on an index out of range.
  package func lookUp(_ indices: [Int]) -> Tensor {
    if case .dense(let weight) = content {
      return Kernels.gatherRows(indices.map { (weight, $0..<$0 + 1) }, width: inputs)
    }
    return Kernels.gatherRows(indices.map { (rows($0..<$0 + 1), 0..<1) }, width: inputs)
  }
}
