// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

extension SafetensorsFile {
  /// Writes tensors to a file that appears under its name when it is complete.
  ///
  /// The tensors are ordered like those of the reference library, by falling size of their type,
  /// then by name, so that the same tensors give the same bytes as there.
  ///
  /// - Throws: `CheckpointError` for a name that occurs twice, for a block format, which safetensors
  ///   does not know, and if the file cannot be written.
  public static func write(
    _ tensors: [(name: String, tensor: StoredTensor)],
    metadata: [String: String] = ["format": "pt"], to path: String
  ) throws(CheckpointError) {
    let pending = tensors.map { entry in
      PendingTensor(name: entry.name, dtype: entry.tensor.dtype, shape: entry.tensor.shape) {
        entry.tensor
      }
    }
    try write(pending: pending, metadata: metadata, to: path)
  }

  /// Writes tensors that are made one after the other, so that only one need be in memory.
  public static func write(
    pending: [PendingTensor], metadata: [String: String] = ["format": "pt"], to path: String
  ) throws(CheckpointError) {
    let ordered = pending.sorted { ($0.rank ?? 0, $0.name) < ($1.rank ?? 0, $1.name) }
    var entries: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }
        .map { "\(JSONValue.quoted($0.key)):\(JSONValue.quoted($0.value))" }
      entries.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var end = 0
    var seen: Set<String> = ["__metadata__"]
    for tensor in ordered {
      let (name, type) = (tensor.name, tensor.dtype.rawValue)
      guard tensor.rank != nil, let size = tensor.dtype.byteCount(elements: tensor.shape.count)
      else {
        throw .malformed(path: path, tensor: name, reason: "safetensors has no type \(type)")
      }
      guard seen.insert(name).inserted else {
        throw .malformed(path: path, tensor: name, reason: "the name cannot be written twice")
      }
      let shape = tensor.shape.dimensions.map(String.init).joined(separator: ",")
      entries.append(
        "\(JSONValue.quoted(name)):{\"dtype\":\"\(type)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(end),\(end + size)]}")
      end += size
    }
    var header = Array("{\(entries.joined(separator: ","))}".utf8)
    header += Array(repeating: 0x20, count: (8 - header.count % 8) % 8)
    let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    let file = try files { () throws(FileError) in
      let file = try AtomicFile(path: path)
      try file.write(length + header)
      return file
    }
    for pending in ordered {
      let tensor = try pending.make()
      precondition(
        tensor.dtype == pending.dtype && tensor.shape == pending.shape,
        "SafetensorsFile.write: \(pending.name) was announced as \(pending.dtype) \(pending.shape)")
      try files { () throws(FileError) in
        try tensor.withBytes { bytes throws(FileError) in try file.write(bytes) }
      }
    }
    try files { () throws(FileError) in try file.commit() }
  }
}

/// A tensor that is made when its turn to be written comes.
public struct PendingTensor {
  public let name: String
  public let dtype: DType
  public let shape: Shape
  let make: () throws(CheckpointError) -> StoredTensor

  /// - Parameter make: makes the tensor, which must have the given type and shape.
  public init(
    name: String, dtype: DType, shape: Shape,
    make: @escaping () throws(CheckpointError) -> StoredTensor
  ) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.make = make
  }

  /// The place of the type in a file, or nil for a type that safetensors does not have.
  var rank: Int? {
    let order: [DType] = [
      .int64, .float64, .float32, .int32, .bfloat16, .float16, .int16, .int8, .uint8, .bool,
    ]
    return order.firstIndex(of: dtype)
  }
}
