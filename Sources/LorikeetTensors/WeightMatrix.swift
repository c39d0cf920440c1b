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

  /// x W^T, with the bias added to each row: `[rows, in]` to `[rows, out]`.
  package func multiply(_ x: Tensor, bias: Tensor? = nil) -> Tensor {
    precondition(
      x.width == inputs && bias?.count ?? outputs == outputs,
      "WeightMatrix.multiply: \(x.shape) by \(shape)^T")
    var y = Tensor(uninitialized: Shape(x.rows, outputs))
    y.withMutablePointer { multiply(x, transposed: true, into: $0, beta: 0, bias: bias) }
    return y
  }

  /// `multiply` of one x with several weights; for few rows they are one pass, without a pause between.
  package static func multiply(
    _ x: Tensor, by layers: [(weight: WeightMatrix, bias: Tensor?)]
  ) -> [Tensor] {
    let matrices = layers.compactMap(\.weight.matrix)
    let rows = x.rows
    guard matrices.count == layers.count,
      ThinProduct.isFastest(for: matrices, rows: rows, transposed: true)
    else { return layers.map { $0.weight.multiply(x, bias: $0.bias) } }
    let hasBias = layers.contains { $0.bias != nil }
    let results = layers.map { layer in
      precondition(layer.weight.inputs == x.width, "WeightMatrix.multiply: \(x.shape)")
      var y = Tensor(uninitialized: Shape(rows, layer.weight.outputs))
      if hasBias { Kernels.setRows(of: &y, to: layer.bias) }
      return y
    }
    withExtendedLifetime((layers, results)) {
      x.withPointer {
        ThinProduct.run(
          $0, ldx: x.width, stored: matrices,
          into: results.map { $0.storage.base.assumingMemoryBound(to: Float.self) }, m: rows,
          beta: hasBias ? 1 : 0)
      }
    }
    return results
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
    var y = Tensor(uninitialized: Shape(g.rows, inputs))
    y.withMutablePointer { multiplyTransposed(g, into: $0, beta: 0) }
    return y
  }

  /// y = g W + beta y: `[rows, out]` to `[rows, in]`.
  package func multiplyTransposed(_ g: Tensor, into y: UnsafeMutablePointer<Float>, beta: Float) {
    precondition(g.width == outputs, "WeightMatrix.multiplyTransposed: \(g.shape) by \(shape)")
    multiply(g, transposed: false, into: y, beta: beta, bias: nil)
  }

  private func multiply(
    _ x: Tensor, transposed: Bool, into y: UnsafeMutablePointer<Float>, beta: Float, bias: Tensor?
  ) {
    guard let matrix else {
      // Rows that end inside a block cannot be taken one by one.
      return WeightMatrix(tensor).multiply(
        x, transposed: transposed, into: y, beta: beta, bias: bias)
    }
    withExtendedLifetime((self, bias)) {
      x.withPointer {
        matrixProduct(
          $0, ldx: x.width, stored: matrix, transposed: transposed, into: y,
          ldy: transposed ? outputs : inputs, m: x.rows, beta: beta,
          bias: bias?.withPointer { $0 })
      }
    }
  }

  /// The rows with the given indices, as an embedding looks them up. Traps on an index out of range.
  package func lookUp(_ indices: [Int]) -> Tensor {
    if case .dense(let weight) = content {
      return Kernels.gatherRows(indices.map { (weight, $0..<$0 + 1) }, width: inputs)
    }
    return Kernels.gatherRows(indices.map { (rows($0..<$0 + 1), 0..<1) }, width: inputs)
  }
}
