// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// A file in the GGUF format, version 2 or 3, little-endian, mapped: settings by key, and tensors.
///
/// Source: the GGUF specification of the ggml project. Of the tensor types, F32, F16, BF16, Q8_0,
/// Q4_0, Q4_1 and the integers are read.
public struct GGUFFile: Sendable {
  public let path: String
  /// The settings, by their keys (`llama.block_count`).
  public let values: [String: GGUFValue]
  private let tensors: [String: StoredTensor]

  /// Maps a file and checks it.
  ///
  /// - Throws: `CheckpointError` if the file cannot be mapped, breaks the format, or holds a tensor
  ///   of a type that is not read.
  public init(path: String) throws(CheckpointError) {
    let storage = try files { () throws(FileError) in try Storage.mapping(path: path) }
    var parser = GGUFParser()
    let failure: GGUFCursor.Failure? = storage.withBytes { bytes in
      do throws(GGUFCursor.Failure) { try parser.parse(bytes, storage) } catch { return error }
      return nil
    }
    if let failure {
      throw .malformed(path: path, tensor: failure.tensor, reason: failure.reason)
    }
    self.path = path
    values = parser.values
    tensors = parser.tensors
  }

  /// The names of the tensors, sorted.
  public var names: [String] { tensors.keys.sorted() }

  /// A tensor by its name, its shape row-major: a matrix is `[rows, columns]`, where GGUF itself
  /// writes the columns first.
  public subscript(name: String) -> StoredTensor? { tensors[name] }

  /// The value of a key, or nil if the file does not have it.
  /// - Throws: `CheckpointError` if the value is of another type.
  public func string(_ key: String) throws(CheckpointError) -> String? {
    guard let value = values[key] else { return nil }
    guard case .string(let string) = value else { throw wrong(key, "a string") }
    return string
  }

  /// The value of a key as an integer.
  public func integer(_ key: String) throws(CheckpointError) -> Int? {
    guard let value = values[key] else { return nil }
    guard case .integer(let integer) = value else { throw wrong(key, "an integer") }
    return integer
  }

  /// The value of a key as a number; integers count.
  public func number(_ key: String) throws(CheckpointError) -> Double? {
    switch values[key] {
    case nil: nil
    case .number(let number): number
    case .integer(let integer): Double(integer)
    default: throw wrong(key, "a number")
    }
  }

  /// The value of a key as a truth value.
  public func bool(_ key: String) throws(CheckpointError) -> Bool? {
    guard let value = values[key] else { return nil }
    guard case .bool(let bool) = value else { throw wrong(key, "a truth value") }
    return bool
  }

  /// The value of a key as a list of strings.
  public func strings(_ key: String) throws(CheckpointError) -> [String]? {
    guard let value = values[key] else { return nil }
    guard case .strings(let strings) = value else { throw wrong(key, "an array of strings") }
    return strings
  }

  /// The value of a key as a list of integers.
  public func integers(_ key: String) throws(CheckpointError) -> [Int]? {
    guard let value = values[key] else { return nil }
    guard case .integers(let integers) = value else { throw wrong(key, "an array of integers") }
    return integers
  }

  /// The value of a key as a list of numbers; integers count.
  public func numbers(_ key: String) throws(CheckpointError) -> [Double]? {
    switch values[key] {
    case nil: nil
    case .numbers(let numbers): numbers
    case .integers(let integers): integers.map(Double.init)
    default: throw wrong(key, "an array of numbers")
    }
  }

  /// The value that a reader gave, or an error that says that the key is missing.
  public func require<Value>(
    _ key: String, _ read: (String) throws(CheckpointError) -> Value?
  ) throws(CheckpointError) -> Value {
    guard let value = try read(key) else {
      throw .configuration(path: path, key: key, reason: "is missing")
    }
    return value
  }

  private func wrong(_ key: String, _ expected: String) -> CheckpointError {
    .configuration(path: path, key: key, reason: "is not \(expected)")
  }
}

/// A setting in a GGUF file. Integers of all widths are one case, and so are real numbers.
public enum GGUFValue: Sendable, Equatable {
  case integer(Int)
  case number(Double)
  case bool(Bool)
  case string(String)
  case integers([Int])
  case numbers([Double])
  case bools([Bool])
  case strings([String])
  /// An array of arrays.
  case arrays([GGUFValue])
}
