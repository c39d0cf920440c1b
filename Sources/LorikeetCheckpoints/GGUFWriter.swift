// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

/// Writes files in the GGUF format, version 3, little-endian.
///
/// Source: the GGUF specification of the ggml project.
public enum GGUFWriter {
  /// A setting's value, with the width that readers expect.
  public enum Value: Sendable {
    case uint32(Int)
    case float32(Float)
    case bool(Bool)
    case string(String)
    case int32s([Int])
    case float32s([Float])
    case strings([String])
  }

  private static let alignment = 32

  /// The numbers of the tensor types.
  private static let types: [DType: UInt32] = [
    .float32: 0, .float16: 1, .q4_0: 2, .q4_1: 3, .q8_0: 8, .bfloat16: 30,
  ]

  /// Writes settings and tensors, in the given order, to a file that appears when it is complete.
  ///
  /// - Parameter tensors: row-major; made one after the other, so that only one need be in memory.
  /// - Throws: `CheckpointError` for a type that GGUF does not have, rows that do not fill blocks, a
  ///   number that does not fit its width, and if the file cannot be written.
  public static func write(
    _ values: [(key: String, value: Value)], tensors: [PendingTensor], to path: String
  ) throws(CheckpointError) {
    var bytes = Bytes()
    bytes.text("GGUF")
    bytes.number(UInt32(3))
    bytes.number(UInt64(tensors.count))
    bytes.number(UInt64(values.count))
    for (key, value) in values {
      bytes.string(key)
      guard bytes.value(value) else {
        throw .configuration(path: path, key: key, reason: "holds a number that is out of range")
      }
    }
    var offset = 0
    for tensor in tensors {
      guard let type = types[tensor.dtype],
        tensor.dtype.byteCount(elements: tensor.shape.width) != nil,
        let size = tensor.dtype.byteCount(elements: tensor.shape.count)
      else {
        throw .malformed(
          path: path, tensor: tensor.name,
          reason: "\(tensor.dtype.rawValue) \(tensor.shape) cannot stand in a GGUF file")
      }
      bytes.string(tensor.name)
      bytes.number(UInt32(tensor.shape.rank))
      for extent in tensor.shape.dimensions.reversed() { bytes.number(UInt64(extent)) }
      bytes.number(type)
      bytes.number(UInt64(offset))
      offset += padded(size)
    }
    bytes.pad(to: padded(bytes.contents.count))
    let file = try files { () throws(FileError) in
      UnfinishedFiles.clear(path)
      let file = try AtomicFile(path: path)
      try file.write(bytes.contents)
      return file
    }
    for pending in tensors {
      let tensor = try pending.make()
      precondition(
        tensor.dtype == pending.dtype && tensor.shape == pending.shape,
        "GGUFWriter: \(pending.name) was announced as \(pending.dtype) \(pending.shape)")
      let size = tensor.bytes.count
      try files { () throws(FileError) in
        try tensor.withBytes { bytes throws(FileError) in try file.write(bytes) }
        try file.write([UInt8](repeating: 0, count: padded(size) - size))
      }
    }
    try files { () throws(FileError) in try file.commit() }
  }

  private static func padded(_ count: Int) -> Int {
    (count + alignment - 1) / alignment * alignment
  }
}

/// Bytes in the order of the format.
private struct Bytes {
  var contents: [UInt8] = []

  mutating func number<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { contents.append(contentsOf: $0) }
  }

  mutating func text(_ text: String) { contents.append(contentsOf: text.utf8) }

  mutating func string(_ text: String) {
    number(UInt64(text.utf8.count))
    self.text(text)
  }

  mutating func pad(to count: Int) {
    contents.append(contentsOf: repeatElement(0, count: count - contents.count))
  }

  /// A type's number and the value; false for a number that does not fit.
  mutating func value(_ value: GGUFWriter.Value) -> Bool {
    switch value {
    case .uint32(let integer):
      guard let integer = UInt32(exactly: integer) else { return false }
      number(UInt32(4))
      number(integer)
    case .float32(let float):
      number(UInt32(6))
      number(float.bitPattern)
    case .bool(let bool):
      number(UInt32(7))
      number(UInt8(bool ? 1 : 0))
    case .string(let text):
      number(UInt32(8))
      string(text)
    case .int32s(let integers):
      array(5, integers.count)
      for integer in integers {
        guard let integer = Int32(exactly: integer) else { return false }
        number(integer)
      }
    case .float32s(let floats):
      array(6, floats.count)
      for float in floats { number(float.bitPattern) }
    case .strings(let strings):
      array(8, strings.count)
      for text in strings { string(text) }
    }
    return true
  }

  private mutating func array(_ type: UInt32, _ count: Int) {
    number(UInt32(9))
    number(type)
    number(UInt64(count))
  }
}
