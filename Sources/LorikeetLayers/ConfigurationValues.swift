// SPDX-License-Identifier: Apache-2.0

/// The keys of a `config.json`, or of an object in it, with the defaults that a family has.
///
/// A key that is absent has its default; errors name the key.
public struct ConfigurationValues {
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
  private let container: KeyedDecodingContainer<Key>
  private var defaults: [String: Int] = [:]

  /// - Throws: `DecodingError` unless the JSON value is an object.
  public init(_ decoder: any Decoder) throws {
    container = try decoder.container(keyedBy: Key.self)
  }

  private init(_ container: KeyedDecodingContainer<Key>) { self.container = container }

  /// The same keys; `whole` finds these numbers for those that are absent.
  public func defaulting(_ numbers: [String: Int]) -> ConfigurationValues {
    var copy = self
    copy.defaults.merge(numbers) { $1 }
    return copy
  }

  /// The object under a key.
  public func nested(_ key: String) throws -> ConfigurationValues {
    ConfigurationValues(
      try container.nestedContainer(keyedBy: Key.self, forKey: Key(stringValue: key)))
  }

  /// Whether the key is there with an object.
  public func isObject(_ key: String) throws -> Bool {
    guard contains(key) else { return false }
    return try !container.decodeNil(forKey: Key(stringValue: key))
  }

  /// Whether the key is there, if only with the value null.
  public func contains(_ key: String) -> Bool { container.contains(Key(stringValue: key)) }

  /// The value of a key; nil if it is absent or null.
  public func optional<Value: Decodable>(
    _ key: String, as type: Value.Type = Value.self
  ) throws -> Value? {
    try container.decodeIfPresent(type, forKey: Key(stringValue: key))
  }

  /// The value of a key, or the default if it is absent or null.
  public func value<Value: Decodable>(_ key: String, default standard: Value) throws -> Value {
    try optional(key) ?? standard
  }

  /// The value of a key, which must be there.
  public func required<Value: Decodable>(
    _ key: String, as type: Value.Type = Value.self
  ) throws -> Value {
    try container.decode(type, forKey: Key(stringValue: key))
  }

  /// A whole number above zero.
  ///
  /// - Parameters:
  ///   - standard: its value if it is absent or null and the family has no default.
  ///   - most: the largest that is allowed.
  public func whole(
    _ key: String, default standard: Int? = nil, most: Int = 1 << 24
  ) throws -> Int {
    let value = try optional(key) ?? defaults[key] ?? standard ?? required(key)
    guard value > 0, value <= most else { throw refusal(key, "\(value) is out of range") }
    return value
  }

  /// A whole number above zero where null means none: the default stands only if the key is absent.
  public func wholeOrNone(_ key: String, default standard: Int?) throws -> Int? {
    guard contains(key) else { return standard }
    guard let value: Int = try optional(key) else { return nil }
    guard value > 0 else { throw refusal(key, "\(value) is out of range") }
    return value
  }

  /// A number above zero where null means none: the default stands only if the key is absent.
  public func numberOrNone(_ key: String, default standard: Double?) throws -> Double? {
    guard contains(key) else { return standard }
    guard let value: Double = try optional(key) else { return nil }
    guard value > 0, value.isFinite else { throw refusal(key, "\(value) is out of range") }
    return value
  }

  /// One whole number or a list of them; none if it is absent or null.
  public func oneOrSeveral(_ key: String) throws -> [Int] {
    if let one = try? optional(key, as: Int.self) { return [one] }
    return try value(key, default: [])
  }

  /// An error that names a key and says what is wrong with its value.
  public func refusal(_ key: String, _ reason: String) -> DecodingError {
    .dataCorruptedError(forKey: Key(stringValue: key), in: container, debugDescription: reason)
  }
}
