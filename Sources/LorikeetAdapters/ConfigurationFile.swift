// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The values of an `adapter_config.json`, read with checks.
public final class ConfigurationFile {
  public let path: String
  private let object: [String: Any]
  /// The keys that someone has looked at.
  private var seen: Set<String> = []

  /// Keys that say how an adapter was made or by whom, not what it computes.
  private static let harmless: Set<String> = [
    "auto_mapping", "corda_config", "eva_config", "inference_mode", "init_ia3_weights",
    "init_lora_weights", "loftq_config", "lora_ga_config", "megatron_config", "megatron_core",
    "peft_version", "qalora_group_size", "revision", "runtime_config",
  ]

  /// - Throws: `AdapterError.configuration` if there is no file with a JSON object.
  public init(path: String) throws(AdapterError) {
    self.path = path
    let parsed: Any
    do {
      parsed = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path)))
    } catch {
      let exists = FileManager.default.fileExists(atPath: path)
      throw .configuration(path: path, reason: exists ? "not valid JSON" : "no such file")
    }
    guard let object = parsed as? [String: Any] else {
      throw .configuration(path: path, reason: "not a JSON object")
    }
    self.object = object
  }

  private init(path: String, _ object: [String: Any]) {
    self.path = path
    self.object = object
  }

  /// The object under a key.
  func object(_ key: String) throws(AdapterError) -> ConfigurationFile {
    ConfigurationFile(path: path, try value(key, [String: Any].self, default: [:]))
  }

  /// An error about this file.
  func failure(_ reason: String) -> AdapterError { .configuration(path: path, reason: reason) }

  /// The value of a key, nil where it is absent or null.
  subscript(key: String) -> Any? {
    seen.insert(key)
    return object[key].flatMap { $0 is NSNull ? nil : $0 }
  }

  /// Whether there is something under a key.
  func contains(_ key: String) -> Bool { self[key] != nil }

  /// - Throws: `AdapterError.configuration` for a key that nobody has looked at and that is set: what it
  ///   asks for would silently not be done.
  func requireKnownKeys() throws(AdapterError) {
    for key in object.keys.sorted() where !seen.contains(key) && !Self.harmless.contains(key) {
      guard let value = self[key] else { continue }
      let isEmpty = (value as? [Any])?.isEmpty ?? (value as? [String: Any])?.isEmpty ?? false
      guard !isEmpty, (value as? Bool) != false else { continue }
      throw failure("key \(key) is not known, and is set to \(value)")
    }
  }

  /// - Throws: `AdapterError.configuration` if the value is of another kind.
  func value<T>(_ key: String, _ type: T.Type, default standard: T) throws(AdapterError) -> T {
    guard let found = self[key] else { return standard }
    guard let typed = found as? T else {
      throw failure("key \(key): \(found) is not a valid value; expected \(Self.kind(type))")
    }
    return typed
  }

  private static func kind(_ type: any Any.Type) -> String {
    switch type {
    case is Int.Type: "a whole number"
    case is NSNumber.Type: "a number"
    case is String.Type, is String?.Type: "a string"
    case is Bool.Type: "true or false"
    case is [String].Type: "a string or a list of strings"
    case is [Int].Type: "a list of whole numbers"
    case is [String: Int].Type: "whole numbers by name"
    case is [String: NSNumber].Type: "numbers by name"
    default: "an object"
    }
  }

  /// A real number.
  func number(_ key: String, default standard: Double) throws(AdapterError) -> Double {
    try value(key, NSNumber.self, default: NSNumber(value: standard)).doubleValue
  }

  /// A list of strings, or one alone.
  func strings(_ key: String) throws(AdapterError) -> [String] {
    if let one = self[key] as? String { return [one] }
    return try value(key, [String].self, default: [])
  }

  /// A list of integers, or one alone.
  func integers(_ key: String) throws(AdapterError) -> [Int] {
    if let one = self[key] as? Int { return [one] }
    return try value(key, [Int].self, default: [])
  }

  /// A dictionary of numbers, by key.
  func numbers(_ key: String) throws(AdapterError) -> [(key: String, value: Double)] {
    try value(key, [String: NSNumber].self, default: [:])
      .sorted { $0.key < $1.key }.map { ($0.key, $0.value.doubleValue) }
  }

  /// Names of modules or a regular expression.
  func modules(_ key: String) throws(AdapterError) -> ModuleTargets? {
    if let text = self[key] as? String {
      return text == ConfigurationText.noTargets ? nil : ModuleTargets(text: text)
    }
    guard self[key] != nil else { return nil }
    return .names(try value(key, [String].self, default: []))
  }

  /// - Throws: `AdapterError.configuration` if a key is set that would change the numbers.
  func refuse(_ keys: [String]) throws(AdapterError) {
    for key in keys {
      guard let found = self[key] else { continue }
      if let flag = found as? Bool, !flag { continue }
      throw failure("key \(key) is set, which is not supported")
    }
  }
}

/// Pieces of an `adapter_config.json` as PEFT writes it.
enum ConfigurationText {
  static func quote(_ text: String) -> String {
    let data = try? JSONEncoder().encode(text)
    return data.map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
  }

  static func list(_ items: [String]) -> String { "[" + items.joined(separator: ", ") + "]" }

  /// A list, or null where there is nothing.
  static func listOrNull(_ items: [String]) -> String { items.isEmpty ? "null" : list(items) }

  static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
  }

  /// What PEFT takes for adapters that consist of `modules_to_save` alone
  /// (`peft.utils.constants.DUMMY_TARGET_MODULES`); it refuses null.
  static let noTargets = "dummy-target-modules"

  static func targets(_ targets: ModuleTargets?) -> String {
    targets == nil ? quote(noTargets) : modules(targets)
  }

  static func modules(_ targets: ModuleTargets?) -> String {
    switch targets {
    case nil: "null"
    case .names(let names): list(names.map(quote))
    case .pattern(let pattern): quote(pattern)
    case .allLinear: quote("all-linear")
    }
  }

  static func dictionary(_ entries: [(String, String)]) -> String {
    entries.isEmpty
      ? "{}" : "{" + entries.map { quote($0.0) + ": " + $0.1 }.joined(separator: ", ") + "}"
  }

  /// The whole file.
  static func file(_ fields: [(String, String)]) -> String {
    "{\n" + fields.map { "  \(quote($0.0)): \($0.1)" }.joined(separator: ",\n") + "\n}\n"
  }
}
