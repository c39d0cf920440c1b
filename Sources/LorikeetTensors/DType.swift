// SPDX-License-Identifier: Apache-2.0

/// The type of the elements of a stored tensor; raw values are the names that safetensors uses, and
/// GGUF's names for its block formats.
public enum DType: String, Sendable, Hashable, Codable, CaseIterable {
  case float64 = "F64"
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case int64 = "I64"
  case int32 = "I32"
  case int16 = "I16"
  case int8 = "I8"
  case uint8 = "U8"
  case bool = "BOOL"
  /// 32 values: float16 scale d, then 32 int8 q; value = d q.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q8_0 = "Q8_0"
  /// 32 values: float16 scale d, then 16 bytes of two 4-bit q (low halves first); value = d (q - 8).
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_0 = "Q4_0"
  /// 32 values: float16 d and m, then 16 bytes of two 4-bit q (low halves first); value = d q + m.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_1 = "Q4_1"
  /// 64 values of a 4-bit normal float: float32 scale d, then twice 16 bytes of two 4-bit places p (low
  /// halves first); value = d code[p]. In memory only: see `NormalFloat4`.
  case nf4 = "NF4"

  /// The number of elements that are stored together: 1, or 32 or 64 for the block formats.
  public var blockElements: Int {
    switch self {
    case .q8_0, .q4_0, .q4_1: 32
    case .nf4: 64
    default: 1
    }
  }

  /// The number of bytes of one block.
  public var blockBytes: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    case .q8_0: 34
    case .q4_0: 18
    case .q4_1: 20
    case .nf4: 36
    }
  }

  /// The number of bytes that `count` elements take, or nil if they do not fill whole blocks or overflow.
  public func byteCount(elements count: Int) -> Int? {
    guard count >= 0, count.isMultiple(of: blockElements) else { return nil }
    let (bytes, overflow) = (count / blockElements).multipliedReportingOverflow(by: blockBytes)
    return overflow ? nil : bytes
  }

  /// Whether the values are real numbers, that is, can become float32.
  public var isFloatingPoint: Bool {
    switch self {
    case .float64, .float32, .float16, .bfloat16, .q8_0, .q4_0, .q4_1, .nf4: true
    case .int64, .int32, .int16, .int8, .uint8, .bool: false
    }
  }
}
