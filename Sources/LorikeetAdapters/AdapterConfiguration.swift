// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers

/// What an `adapter_config.json` says: a method, and the modules that it is put on.
///
/// A method is one file with a type that conforms, and a line in `AdapterMethods.all`.
public protocol AdapterConfiguration: Sendable {
  /// The method by its name in PEFT, `peft_type`.
  static var peftType: String { get }

  var targets: ModuleTargets? { get }
  var excluded: ModuleTargets? { get }
  var layersToTransform: [Int] { get }
  var layersPattern: [String] { get }
  var modulesToSave: [String] { get }
  var bias: BiasTraining { get }
  /// Rows of the input embeddings that train.
  var trainableTokens: [Int] { get }
  /// The regular expressions of the method's own fields.
  var patterns: [String] { get }
  var taskType: String? { get }
  /// The model that the adapter was made for, `base_model_name_or_path`.
  var baseModel: String? { get }
  /// The text of `adapter_config.json`, keys sorted, as PEFT writes it.
  var jsonText: String { get }

  /// - Throws: `AdapterError.configuration` naming the file and the key.
  init(_ file: ConfigurationFile) throws(AdapterError)

  /// What the method puts on a linear layer.
  func term(on linear: Linear, _ slot: AdapterSlot) throws(AdapterError) -> any LinearTerm

  /// What the method puts on a table of embeddings.
  ///
  /// - Throws: `AdapterError.cannotAttach` if it cannot be put on one.
  func term(on embedding: Embedding, _ slot: AdapterSlot) throws(AdapterError) -> any EmbeddingTerm
}

extension AdapterConfiguration {
  public var layersToTransform: [Int] { [] }
  public var layersPattern: [String] { [] }
  public var bias: BiasTraining { .none }
  public var trainableTokens: [Int] { [] }
  public var patterns: [String] { [] }

  public func term(
    on embedding: Embedding, _ slot: AdapterSlot
  ) throws(AdapterError) -> any EmbeddingTerm {
    throw .cannotAttach(
      source: slot.source,
      reason: "\(Self.peftType) cannot be put on the embeddings "
        + embedding.name)
  }

  /// Reads `adapter_config.json`.
  ///
  /// - Throws: `AdapterError.configuration` naming the file and the key.
  public init(path: String) throws(AdapterError) {
    let file = try ConfigurationFile(path: path)
    let kind = try file.value("peft_type", String.self, default: "")
    guard kind == Self.peftType else {
      throw file.failure("peft_type is \(kind), expected \(Self.peftType)")
    }
    try self.init(file)
  }
}

/// The methods that can be read and attached.
public enum AdapterMethods {
  static let all: [any AdapterConfiguration.Type] = [
    LoRAConfiguration.self,
    IA3Configuration.self,
  ]

  /// Reads `adapter_config.json` of any method.
  ///
  /// - Throws: `AdapterError.configuration`; for an unknown method it lists those that are known.
  ///
  /// - Throws: `AdapterError.configuration` naming the file and the key, unknown ones included.
  public static func configuration(path: String) throws(AdapterError) -> any AdapterConfiguration {
    let file = try ConfigurationFile(path: path)
    let configuration = try configuration(file)
    try file.requireKnownKeys()
    return configuration
  }

  private static func configuration(
    _ file: ConfigurationFile
  ) throws(AdapterError) -> any AdapterConfiguration {
    let kind = try file.value("peft_type", String.self, default: "")
    guard let method = all.first(where: { $0.peftType == kind }) else {
      throw file.failure(
        "peft_type \(kind.isEmpty ? "is missing" : "\(kind) is not supported"); supported: "
          + all.map { $0.peftType }.joined(separator: ", "))
    }
    return try method.init(file)
  }
}
