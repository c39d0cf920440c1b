// SPDX-License-Identifier: Apache-2.0

/// A key of `preprocessor_config.json`.
struct PreprocessorKey: CodingKey, ExpressibleByStringLiteral {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringValue: String) { self.stringValue = stringValue }
  init(stringLiteral value: String) { stringValue = value }
  init?(intValue: Int) { nil }
}

/// The keys that one kind of processor has beside those of all.
struct PreprocessorKeys {
  private let container: KeyedDecodingContainer<PreprocessorKey>

  init(_ decoder: any Decoder) throws {
    let outer = try decoder.container(keyedBy: PreprocessorKey.self)
    container =
      outer.contains("image_processor")
      ? try outer.nestedContainer(keyedBy: PreprocessorKey.self, forKey: "image_processor") : outer
  }

  /// The value of a key; nil if it is absent or null.
  func optional<Value: Decodable>(
    _ key: PreprocessorKey, as type: Value.Type = Value.self
  ) throws -> Value? {
    try container.decodeIfPresent(type, forKey: key)
  }

  /// A whole number above zero.
  func whole(
    _ key: PreprocessorKey, default standard: Int, most: Int = ImageLimits.default.maximumSide
  ) throws -> Int {
    try Self.check(number(key) ?? standard, key.stringValue, most: most)
  }

  /// A whole number above zero that an object under a key holds.
  func whole(
    _ key: PreprocessorKey, _ name: String, most: Int = ImageLimits.default.maximumSide
  ) throws -> Int? {
    let values: [String: Int?]? = try number(key)
    guard let value = values?[name] ?? nil else { return nil }
    return try Self.check(value, key.stringValue + "." + name, most: most)
  }

  /// The value of a key. Decoders do not say which number is too large for its type.
  private func number<Value: Decodable>(_ key: PreprocessorKey) throws -> Value? {
    do {
      return try optional(key)
    } catch {
      throw ConfigurationProblem(key: key.stringValue, problem: "has a value of the wrong type")
    }
  }

  private static func check(_ value: Int, _ key: String, most: Int) throws -> Int {
    guard 1...most ~= value else {
      throw ConfigurationProblem(key: key, problem: "\(value) is out of range, 1 to \(most)")
    }
    return value
  }
}

/// A value that cannot be used; the reader adds the file's name.
struct ConfigurationProblem: Error {
  let key: String
  let problem: String
}
