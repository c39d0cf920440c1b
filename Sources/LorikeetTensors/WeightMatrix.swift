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

  /// x W^T: `[rows, in]` to `[rows, out]`.
  package func multiply(_ x: Tensor) -> Tensor {
    precondition(x.width == inputs, "WeightMatrix.multiply: \(x.shape) by \(shape)^T")
    switch content {
    case .dense(let weight): return Kernels.product(x, weight, transposeB: true)
    case .stored(let stored): return product(x, stored, transposed: true, width: outputs)
    }
  }

  /// `multiply` of one x with several weights; for few rows they are one pass, without a pause between.
  package static func multiply(_ x: Tensor, by weights: [WeightMatrix]) -> [Tensor] {
    let matrices = weights.compactMap(\.matrix)
    let rows = x.rows
    guard matrices.count == weights.count, ThinProduct.isFastest(for: matrices, rows: rows) else {
      return weights.map { $0.multiply(x) }
    }
    precondition(weights.allSatisfy { $0.inputs == x.width }, "WeightMatrix.multiply: \(x.shape)")
    let results = weights.map { Storage(byteCount: rows * $0.outputs * 4) }
    withExtendedLifetime(weights) {
      x.withPointer {
        ThinProduct.run(
          $0, ldx: x.width, stored: matrices,
          into: results.map { $0.base.assumingMemoryBound(to: Float.self) }, m: rows)
      }
    }
    return zip(results, weights).map {
      Tensor(shape: [rows, $1.outputs], storage: $0, offset: 0)
    }
  }

  /// The matrix where it lies, which holds as long as `self` does; nil if its rows end inside blocks.
  private var matrix: StoredMatrix? {
    switch content {
    case .dense(let tensor):
      return tensor.withPointer {
        StoredMatrix(UnsafeRawPointer($0), .float32, rows: outputs, columns: inputs)
      }
    case .stored(let stored):
      guard stored.dtype.byteCount(elements: inputs) != nil else { return nil }
      return StoredMatrix(
        stored.storage.base + stored.bytes.lowerBound, stored.dtype, rows: outputs, columns: inputs)
    }
  }

  /// g W: `[rows, out]` to `[rows, in]`.
  package func multiplyTransposed(_ g: Tensor) -> Tensor {
    precondition(g.width == outputs, "WeightMatrix.multiplyTransposed: \(g.shape) by \(shape)")
    switch content {
    case .dense(let weight): return Kernels.product(g, weight)
    case .stored(let stored): return product(g, stored, transposed: false, width: inputs)
    }
  }

  /// y = g W + beta y: `[rows, out]` to `[rows, in]`.
  package func multiplyTransposed(_ g: Tensor, into y: UnsafeMutablePointer<Float>, beta: Float) {
    precondition(g.width == outputs, "WeightMatrix.multiplyTransposed: \(g.shape) by \(shape)")
    if case .stored(let stored) = content, stored.dtype.byteCount(elements: inputs) != nil {
      stored.withBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        let matrix = StoredMatrix(base, stored.dtype, rows: outputs, columns: inputs)
        g.withPointer {
          matrixProduct(
            $0, ldx: outputs, stored: matrix, transposed: false, into: y, ldy: inputs, m: g.rows,
            beta: beta)
        }
      }
    } else {
      tensor.withPointer { weight in
        g.withPointer {
          matrixProduct(
            $0, lda: outputs, transposed: false, weight, ldb: inputs, transposed: false, into: y,
            ldc: inputs, m: g.rows, n: inputs, k: outputs, beta: beta)
        }
      }
    }
  }

  private func product(
    _ x: Tensor, _ stored: StoredTensor, transposed: Bool, width: Int
  ) -> Tensor {
    guard stored.dtype.byteCount(elements: inputs) != nil else {
      // Rows that end inside a block cannot be taken one by one.
      return Kernels.product(x, stored.tensor(), transposeB: transposed)
    }
    let rows = x.rows
    var y = Tensor(uninitialized: [rows, width])
    stored.withBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      let matrix = StoredMatrix(base, stored.dtype, rows: outputs, columns: inputs)
      y.withMutablePointer { y in
        x.withPointer { x in
          matrixProduct(
            x, ldx: transposed ? inputs : outputs, stored: matrix, transposed: transposed, into: y,
            ldy: width, m: rows)
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
