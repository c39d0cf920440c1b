// SPDX-License-Identifier: Apache-2.0

/// An object in a configuration file that knows where it stands, for messages.
struct ConfigurationNode {
  let file: String
  let path: String
  let object: TemplateObject

  init(file: String, path: String, value: TemplateValue) throws(TokenizerError) {
    guard let object = value.objectValue else {
      throw .invalidValue(
        file: file, key: path, reason: "expected an object, found \(value.kind)")
    }
    self.file = file
    self.path = path
    self.object = object
  }

  func path(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  func invalid(_ key: String, _ reason: String) -> TokenizerError {
    .invalidValue(file: file, key: path(key), reason: reason)
  }

  func unsupported(_ key: String, _ found: String, _ supported: [String] = []) -> TokenizerError {
    .unsupported(file: file, key: path(key), found: found, supported: supported)
  }

  /// The member's value; nil if there is none or it is null.
  subscript(key: String) -> TemplateValue? {
    guard let value = object[key], value != .null else { return nil }
    return value
  }

  func string(_ key: String) throws(TokenizerError) -> String {
    guard let value = try optionalString(key) else { throw invalid(key, "is missing") }
    return value
  }

  func optionalString(_ key: String) throws(TokenizerError) -> String? {
    guard let value = self[key] else { return nil }
    guard let string = value.stringValue else {
      throw invalid(key, "expected a string, found \(value.kind)")
    }
    return string
  }

  func bool(_ key: String, default fallback: Bool) throws(TokenizerError) -> Bool {
    guard let value = self[key] else { return fallback }
    guard let bool = value.boolValue else {
      throw invalid(key, "expected true or false, found \(value.kind)")
    }
    return bool
  }

  func integer(_ key: String) throws(TokenizerError) -> Int {
    guard let value = self[key]?.integerValue else { throw invalid(key, "expected an integer") }
    return value
  }

  func node(_ key: String) throws(TokenizerError) -> ConfigurationNode? {
    guard let value = self[key] else { return nil }
    return try ConfigurationNode(file: file, path: path(key), value: value)
  }

  func nodes(_ key: String) throws(TokenizerError) -> [ConfigurationNode] {
    guard let value = self[key] else { return [] }
    guard let array = value.arrayValue else {
      throw invalid(key, "expected a list, found \(value.kind)")
    }
    var nodes: [ConfigurationNode] = []
    for (index, element) in array.enumerated() {
      nodes.append(
        try ConfigurationNode(file: file, path: path("\(key)[\(index)]"), value: element))
    }
    return nodes
  }

  /// A member that is one of a few words.
  func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: String, default fallback: Choice
  ) throws(TokenizerError) -> Choice where Choice.RawValue == String {
    guard let word = try optionalString(key) else { return fallback }
    guard let choice = Choice(rawValue: word) else {
      throw unsupported(key, word, Choice.allCases.map(\.rawValue))
    }
    return choice
  }
}
