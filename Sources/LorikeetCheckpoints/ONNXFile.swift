// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetTensors
internal import SwiftProtobuf

/// The weights in an ONNX file: the initialisers of its graph, and the nodes that use them.
///
/// Source: the ONNX specification (onnx.proto). Subgraphs and tensors in other files are not read.
public struct ONNXFile: Sendable {
  /// An operation of the graph.
  public struct Node: Sendable, Equatable {
    public let name: String
    /// The kind of operation: `MatMul`, `Add`.
    public let operation: String
    /// The names of initialisers and of other nodes' outputs; an empty name stands for no input.
    public let inputs: [String]
    public let outputs: [String]
  }

  public let path: String
  /// The nodes in the order of the file, which is an order of execution.
  public let nodes: [Node]
  private let tensors: [String: StoredTensor]

  /// Reads a file.
  ///
  /// - Throws: `CheckpointError` if the file cannot be read, is not ONNX, or a tensor's data does
  ///   not match its type and shape.
  public init(path: String) throws(CheckpointError) {
    let storage = try files { () throws(FileError) in try Storage.mapping(path: path) }
    let model: ONNXModelProto? = storage.withBytes { bytes in
      guard let base = bytes.baseAddress, bytes.count > 0 else { return nil }
      // The parser copies what it keeps, so that the bytes need not outlive the closure.
      let data = Data(
        bytesNoCopy: UnsafeMutableRawPointer(mutating: base), count: bytes.count, deallocator: .none
      )
      return try? ONNXModelProto(serializedBytes: data)
    }
    guard let model, model.hasGraph, model.irVersion > 0 else {
      throw .malformed(path: path, reason: "is not an ONNX model")
    }
    var tensors: [String: StoredTensor] = [:]
    func add(_ tensor: ONNXTensorProto, _ name: String) throws(CheckpointError) {
      guard tensors[name] == nil else {
        throw .malformed(path: path, tensor: name, reason: "is in the graph twice")
      }
      tensors[name] = try Self.stored(tensor, name, path)
    }
    for tensor in model.graph.initializer { try add(tensor, tensor.name) }
    for node in model.graph.node where node.opType == "Constant" {
      for attribute in node.attribute
      where attribute.name == "value" && attribute.hasT && Self.type(attribute.t.dataType) != nil {
        if let output = node.output.first { try add(attribute.t, output) }
      }
    }
    self.path = path
    self.tensors = tensors
    nodes = model.graph.node.map {
      Node(name: $0.name, operation: $0.opType, inputs: $0.input, outputs: $0.output)
    }
  }

  /// The names of the initialisers and of the outputs of constant nodes, sorted.
  public var names: [String] { tensors.keys.sorted() }

  /// An initialiser, or the value of a constant node, by its name.
  public subscript(name: String) -> StoredTensor? { tensors[name] }

  private static func stored(
    _ tensor: ONNXTensorProto, _ name: String, _ path: String
  ) throws(CheckpointError) -> StoredTensor {
    func problem(_ reason: String) -> CheckpointError {
      .malformed(path: path, tensor: name, reason: reason)
    }
    guard let dtype = type(tensor.dataType) else {
      throw problem("the type \(tensor.dataType) is not supported")
    }
    guard tensor.dataLocation == .default else { throw problem("its data is in another file") }
    let dimensions = tensor.dims.map { Int($0) }
    guard let count = Shape.checkedCount(dimensions), let size = dtype.byteCount(elements: count)
    else { throw problem("the shape \(dimensions) is negative or too large") }
    let data = tensor.rawData.isEmpty ? typedData(tensor, dtype) : Array(tensor.rawData)
    guard data.count == size else {
      throw problem(
        "\(dtype.rawValue) \(dimensions) takes \(size) bytes, the file has \(data.count)")
    }
    let storage = data.withUnsafeBytes { Storage(copying: $0) }
    return StoredTensor(dtype: dtype, shape: Shape(dimensions), storage: storage, bytes: 0..<size)
  }

  /// The bytes of values that are not raw; the small integers and half floats share a field.
  private static func typedData(_ tensor: ONNXTensorProto, _ dtype: DType) -> [UInt8] {
    func bytes<T>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }
    return switch dtype {
    case .float32: bytes(tensor.floatData)
    case .float64: bytes(tensor.doubleData)
    case .int64: bytes(tensor.int64Data)
    case .int32: bytes(tensor.int32Data)
    case .int16, .float16, .bfloat16:
      bytes(tensor.int32Data.map { UInt16(truncatingIfNeeded: $0) })
    default: bytes(tensor.int32Data.map { UInt8(truncatingIfNeeded: $0) })
    }
  }

  private static func type(_ type: ONNXTensorProto.DataType) -> DType? {
    switch type {
    case .float: .float32
    case .double: .float64
    case .float16: .float16
    case .bfloat16: .bfloat16
    case .int64: .int64
    case .int32: .int32
    case .int16: .int16
    case .int8: .int8
    case .uint8: .uint8
    case .bool: .bool
    default: nil
    }
  }
}
