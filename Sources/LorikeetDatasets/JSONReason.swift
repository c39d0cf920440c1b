// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Says in a few words why JSON was refused.
enum JSONReason {
  /// - Parameter whole: what was expected of the text as a whole.
  static func describe(_ error: any Error, whole: String) -> String {
    switch error as? DecodingError {
    case .keyNotFound(let key, let context):
      return at(context) + "has no \(key.stringValue)"
    case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
      if context.codingPath.isEmpty { return "is not \(whole)" }
      return at(context) + "is not \(name(of: type))"
    case .dataCorrupted(let context) where !context.codingPath.isEmpty:
      return at(context) + context.debugDescription
    default: return "not JSON: expected \(whole)"
    }
  }

  /// The place in the document: `annotations[3].caption `.
  private static func at(_ context: DecodingError.Context) -> String {
    var path = ""
    for key in context.codingPath {
      if let index = key.intValue {
        path += "[\(index)]"
      } else {
        path += (path.isEmpty ? "" : ".") + key.stringValue
      }
    }
    return path.isEmpty ? "" : path + " "
  }

  private static func name(of type: Any.Type) -> String {
    switch type {
    case is String.Type: "text"
    case is any BinaryInteger.Type: "a whole number"
    case is any Collection.Type: "of the expected kind"
    default: "of the expected kind"
    }
  }
}

/// A name that files write as text or as a whole number: a label, an identifier.
struct Name: Decodable, Hashable {
  let text: String

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let number = try? value.decode(Int.self) {
      text = String(number)
    } else {
      text = try value.decode(String.self)
    }
  }
}
