// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetAutograd
public import LorikeetCheckpoints
public import LorikeetTensors

/// How a parameter begins that no checkpoint provides.
public enum Initializer: Sendable {
  case zeros
  case ones
  /// Normal with this standard deviation.
  case normal(Float)
}

/// A place in the module tree of a model that is being built.
///
/// The tree's names (`model.language_model.layers.0...`) are those of transformers' modules, by which
/// PEFT addresses layers; the checkpoint's names may differ and are kept beside them.
public struct LayerScope {
  /// Where weights come from.
  public enum Source {
    /// A checkpoint: missing or misshapen tensors are noted by the reader.
    case checkpoint(CheckpointReader)
    /// New weights, drawn from a seed and the parameter's name.
    case random(seed: UInt64)
    /// New weights of the right spread, some numbers over and over: for measuring large models, whose
    /// numbers take long to draw. Matrices are of a stored type from the start if one is given and
    /// their rows fit its blocks, so that a large model never stands in memory as float32.
    case repeating(seed: UInt64, as: DType? = nil)
  }

  public let index: ModuleIndex
  /// The place in the module tree, "" at the root.
  public let modulePath: String
  /// The place in the checkpoint.
  public let storedPath: String
  private let source: Source

  public init(
    _ source: Source, index: ModuleIndex, modulePath: String = "", storedPath: String = ""
  ) {
    self.source = source
    self.index = index
    self.modulePath = modulePath
    self.storedPath = storedPath
  }

  /// The place below this one.
  ///
  /// - Parameter stored: its name in the checkpoint where that differs.
  public func scoped(_ name: String, stored: String? = nil) -> LayerScope {
    LayerScope(
      source, index: index, modulePath: Self.join(modulePath, name),
      storedPath: Self.join(storedPath, stored ?? name))
  }

  /// The same place, with weights from elsewhere.
  public func reading(_ source: Source) -> LayerScope {
    LayerScope(source, index: index, modulePath: modulePath, storedPath: storedPath)
  }

  /// Whether the checkpoint has a tensor at this place; false for new weights.
  public func contains(_ name: String) -> Bool {
    guard case .checkpoint(let reader) = source else { return false }
    return reader.contains(Self.join(storedPath, name))
  }

  /// Whether the checkpoint has a tensor at this place whose values are not those of a parameter;
  /// false for new weights.
  public func contains(_ name: String, unlike parameter: Parameter) -> Bool {
    guard case .checkpoint(let reader) = source, contains(name),
      let stored = reader.peek(Self.join(storedPath, name))
    else { return false }
    let other = parameter.stored
    guard stored.shape == other.shape else { return true }
    if stored.dtype == other.dtype {
      return stored.withBytes { a in
        other.withBytes { b in
          guard let x = a.baseAddress, let y = b.baseAddress else { return false }
          return memcmp(x, y, min(a.count, b.count)) != 0
        }
      }
    }
    return stored.tensor().values != other.tensor().values
  }

  /// A parameter at this place.
  ///
  /// - Parameters:
  ///   - name: its name in the module tree and, unless `stored` says otherwise, in the checkpoint.
  ///   - initial: its values where no checkpoint provides them.
  public func parameter(
    _ name: String, _ shape: Shape, initial: Initializer = .zeros, stored: String? = nil
  ) -> Parameter {
    let storedName = Self.join(storedPath, stored ?? name)
    let parameter: Parameter
    switch source {
    case .checkpoint(let reader):
      // A missing tensor is reported when the reader's account is closed; until then zeros stand in,
      // or nothing where a configuration asks for more than anyone has.
      parameter =
        if let tensor = reader.tensor(storedName, shape) {
          tensor.dtype.isFloatingPoint
            ? Parameter(name: storedName, tensor) : Parameter(name: storedName, tensor.tensor())
        } else {
          Parameter(name: storedName, Tensor(repeating: 0, Self.placeholder(shape, reader)))
        }
    case .random(let seed):
      var stream = RandomStream.derive(seed: seed, label: storedName)
      parameter = Parameter(name: storedName, initial.tensor(shape, &stream))
    case .repeating(let seed, let dtype):
      var stream = RandomStream.derive(seed: seed, label: storedName)
      // A prime, so that rows of usual widths differ.
      let block = initial.tensor([min(shape.count, 65_537)], &stream)
      parameter = Parameter(name: storedName, Self.repeated(block, shape))
      if let dtype, shape.rank == 2, parameter.stored.canConvert(to: dtype) {
        parameter.store(as: dtype)
      }
    }
    index.enter(parameter, modulePath: Self.join(modulePath, name))
    return parameter
  }

  /// A linear layer at this place.
  public func linear(
    _ name: String, inputs: Int, outputs: Int, bias: Bool, stored: String? = nil
  ) -> Linear {
    let scope = scoped(name, stored: stored)
    let linear = Linear(
      name: scope.modulePath,
      weight: scope.parameter(
        "weight", [outputs, inputs], initial: .normal(1 / Float(max(inputs, 1)).squareRoot())),
      bias: bias ? scope.parameter("bias", [outputs]) : nil)
    index.enter(linear)
    return linear
  }

  /// A table of token embeddings at this place.
  public func embedding(_ name: String, count: Int, width: Int, initial: Initializer) -> Embedding {
    let scope = scoped(name)
    let embedding = Embedding(
      name: scope.modulePath,
      weight: scope.parameter("weight", [count, width], initial: initial))
    index.enter(embedding)
    return embedding
  }

  /// The layer at this place that gives the logits.
  ///
  /// - Parameters:
  ///   - embedding: the table that stands in the other end of the model, of the head's own shape.
  ///   - isTied: whether its weight is that table. A head of a checkpoint that differs from it is read
  ///     all the same, as transformers does.
  public func head(_ name: String, of embedding: Embedding, isTied: Bool) -> Linear {
    let scope = scoped(name)
    let shares = isTied && !scope.contains("weight", unlike: embedding.weight)
    let head = Linear(
      name: scope.modulePath,
      weight: shares
        ? embedding.weight
        : scope.parameter("weight", embedding.weight.shape, initial: .normal(0.02)),
      bias: nil, isTied: shares)
    embedding.isTied = shares
    index.enter(head: head)
    return head
  }

  /// The shape, or an empty one of the same rank where what is missing has more than 2^28 values in all.
  private static func placeholder(_ shape: Shape, _ reader: CheckpointReader) -> Shape {
    let empty = Shape(shape.dimensions.map { _ in 0 })
    var count = 1
    for extent in shape.dimensions {
      let (product, overflow) = count.multipliedReportingOverflow(by: extent)
      if overflow || product > 1 << 28 { return empty }
      count = product
    }
    return reader.countMissing(values: count) <= 1 << 28 ? shape : empty
  }

  /// The values of a block over and over.
  private static func repeated(_ block: Tensor, _ shape: Shape) -> Tensor {
    guard block.count < shape.count else { return block.reshaped(shape) }
    var values: [Float] = []
    values.reserveCapacity(shape.count + block.count)
    let part = block.values
    while values.count < shape.count { values += part }
    values.removeLast(values.count - shape.count)
    return Tensor(values, shape)
  }

  static func join(_ path: String, _ name: String) -> String {
    path.isEmpty ? name : name.isEmpty ? path : path + "." + name
  }
}

extension Initializer {
  /// A tensor of such values.
  public func tensor(_ shape: Shape, _ stream: inout RandomStream) -> Tensor {
    switch self {
    case .zeros: return Tensor(repeating: 0, shape)
    case .ones: return Tensor(repeating: 1, shape)
    case .normal(let deviation):
      return Tensor((0..<shape.count).map { _ in deviation * stream.normal() }, shape)
    }
  }
}
