// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

/// Reads JSON files (`config.json` and its kin) into `Decodable` values.
public enum JSONFile {
  /// Decodes a file.
  ///
  /// - Throws: `CheckpointError` that names the file and, where there is one, the key:
  ///   `config.json: key hidden_size is missing`.
  public static func decode<Value: Decodable>(
    _ type: Value.Type = Value.self, from path: String
  ) throws(CheckpointError) -> Value {
    try decode(type, from: contents(of: path), path: path)
  }

  /// Decodes JSON text that is in memory; `path` stands in messages.
  public static func decode<Value: Decodable>(
    _ type: Value.Type = Value.self, text: String, path: String
  ) throws(CheckpointError) -> Value {
    try decode(type, from: Data(text.utf8), path: path)
  }

  /// Reads a file whose keys are not all known.
  ///
  /// - Throws: `CheckpointError` that names the file.
  public static func value(from path: String) throws(CheckpointError) -> JSONValue {
    try value(of: Array(contents(of: path)), path: path)
  }

  /// Reads JSON text that is in memory; `path` stands in messages.
  public static func value(text: String, path: String) throws(CheckpointError) -> JSONValue {
    try value(of: Array(text.utf8), path: path)
  }

  private static func value(of bytes: [UInt8], path: String) throws(CheckpointError) -> JSONValue {
    do throws(JSONScanner.Failure) { return try JSONValue(parsing: bytes) } catch {
      throw .malformed(
        path: path, reason: "is not JSON at byte \(error.offset): expected \(error.expected)")
    }
  }

  private static func contents(of path: String) throws(CheckpointError) -> Data {
    let storage = try files { () throws(FileError) in try Storage.mapping(path: path) }
    return storage.withBytes { Data($0) }
  }

  private static func decode<Value: Decodable>(
    _ type: Value.Type, from data: Data, path: String
  ) throws(CheckpointError) -> Value {
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch let error as CheckpointError {
      throw error
    } catch let error as DecodingError {
      // The decoder calls the whole text corrupted when one number does not fit its key.
      if case .dataCorrupted(let context) = error, context.codingPath.isEmpty,
        (try? JSONValue(parsing: Array(data))) != nil
      {
        throw .malformed(
          path: path, reason: "holds a number that is not whole, or too large, for its key")
      }
      throw describe(error, path)
    } catch {
      throw .malformed(path: path, reason: "\(error)")
    }
  }

  private static func describe(_ error: DecodingError, _ path: String) -> CheckpointError {
    func dotted(_ keys: [any CodingKey]) -> String {
      keys.map { key in key.intValue.map(String.init) ?? key.stringValue }.joined(separator: ".")
    }
    switch error {
    case .keyNotFound(let key, let context):
      return .configuration(
        path: path, key: dotted(context.codingPath + [key]), reason: "is missing")
    case .typeMismatch(let type, let context) where !context.codingPath.isEmpty:
      return .configuration(
        path: path, key: dotted(context.codingPath), reason: "is not \(readable(type))")
    case .valueNotFound(let type, let context) where !context.codingPath.isEmpty:
      return .configuration(
        path: path, key: dotted(context.codingPath), reason: "is null, not \(readable(type))")
    case .dataCorrupted(let context) where !context.codingPath.isEmpty:
      return .configuration(
        path: path, key: dotted(context.codingPath),
        reason: "has a bad value: "
          + context.debugDescription)
    default:
      return .malformed(path: path, reason: "is not JSON of the expected form")
    }
  }

  private static func readable(_ type: any Any.Type) -> String {
    switch type {
    case is any BinaryInteger.Type: "a whole number"
    case is any BinaryFloatingPoint.Type: "a number"
    case is String.Type: "a string"
    case is Bool.Type: "true or false"
    case is [String: Any].Type: "an object"
    case is [Any].Type: "an array"
    default: "a value of the expected kind"
    }
  }
}
