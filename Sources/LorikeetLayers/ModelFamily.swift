// SPDX-License-Identifier: Apache-2.0

/// A family of models: the names that `model_type` has for it, and how its configuration is read.
public struct ModelFamily<Configuration>: Sendable {
  public let modelTypes: [String]
  private let defaults: [String: Int]
  private let read: @Sendable (ConfigurationValues) throws -> Configuration

  /// - Parameter defaults: the whole numbers that transformers' class has for absent keys.
  public init(
    _ modelTypes: String..., defaults: [String: Int] = [:],
    read: @escaping @Sendable (ConfigurationValues) throws -> Configuration
  ) {
    self.modelTypes = modelTypes
    self.defaults = defaults
    self.read = read
  }

  public func configuration(_ values: ConfigurationValues) throws -> Configuration {
    try read(values.defaulting(defaults))
  }
}

/// All families of one kind, told apart by `model_type`.
public struct ModelFamilies<Configuration>: Sendable {
  public let all: [ModelFamily<Configuration>]

  public init(_ all: [ModelFamily<Configuration>]) { self.all = all }

  /// Every `model_type` that some family has.
  public var modelTypes: [String] { all.flatMap(\.modelTypes) }

  /// The configuration of whichever family an object belongs to.
  ///
  /// - Parameter type: the family of an object that does not say.
  /// - Throws: `DecodingError`, for an unknown family with the list of those that are known.
  public func configuration(
    _ values: ConfigurationValues, default type: String? = nil
  ) throws -> Configuration {
    let type = try values.optional("model_type") ?? type ?? values.required("model_type")
    guard let family = all.first(where: { $0.modelTypes.contains(type) }) else {
      throw values.refusal(
        "model_type",
        "\(type) is not supported; supported are " + modelTypes.joined(separator: ", "))
    }
    return try family.configuration(values)
  }
}
