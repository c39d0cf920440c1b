// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The layers that a PEFT configuration names: a list of names and suffixes, or one regular expression.
public enum ModuleTargets: Sendable, Equatable, Codable {
  case names([String])
  case pattern(String)
  /// "all-linear": every linear layer but the output embeddings.
  case allLinear

  public init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let names = try? value.decode([String].self) {
      self = .names(names)
    } else {
      self.init(text: try value.decode(String.self))
    }
  }

  /// A regular expression, or the word "all-linear".
  public init(text: String) {
    self = text.lowercased() == "all-linear" ? .allLinear : .pattern(text)
  }

  public func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    switch self {
    case .names(let names): try value.encode(names)
    case .pattern(let pattern): try value.encode(pattern)
    case .allLinear: try value.encode("all-linear")
    }
  }
}

/// Which biases of the model train along with the adapter.
public enum BiasTraining: String, Sendable, Codable {
  case none
  case all
  case loraOnly = "lora_only"
}

/// PEFT's configuration of a LoRA adapter, `adapter_config.json`.
///
/// Field names are PEFT's. Fields that are absent take PEFT's defaults; fields that would change the
/// numbers in a way that is not supported here are refused when they are set.
public struct LoRAConfiguration: Sendable, Equatable {
  public var rank = 8
  public var alpha = 8.0
  public var dropout: Float = 0
  public var usesRankStabilisation = false
  public var targets: ModuleTargets?
  public var excluded: ModuleTargets?
  /// Regular expressions for the ends of module names, tried in this order.
  public var rankPattern: [(pattern: String, rank: Int)] = []
  public var alphaPattern: [(pattern: String, alpha: Double)] = []
  public var layersToTransform: [Int] = []
  public var layersPattern: [String] = []
  public var bias = BiasTraining.none
  public var modulesToSave: [String] = []
  public var hasLoRABias = false
  public var taskType: String?
  public var baseModel: String?

  public init() {}

  public static func == (a: Self, b: Self) -> Bool { a.jsonText == b.jsonText }

  /// Keys whose non-default values change what the adapter computes, and that are not supported.
  private static let unsupported = [
    "use_dora", "use_qalora", "use_bdlora", "layer_replication", "alora_invocation_tokens",
    "arrow_config", "trainable_token_indices", "target_parameters", "kasa_config",
    "monteclora_config", "velora_config", "fan_in_fan_out",
  ]

  /// Reads `adapter_config.json`.
  ///
  /// - Throws: `AdapterError.configuration` naming the file and the key.
  public init(path: String) throws(AdapterError) {
    func fail(_ reason: String) -> AdapterError { .configuration(path: path, reason: reason) }
    let object: [String: Any]
    do {
      let data = try Data(contentsOf: URL(filePath: path))
      guard let parsed = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
        throw fail("not a JSON object")
      }
      object = parsed
    } catch let error as AdapterError {
      throw error
    } catch {
      throw fail(
        FileManager.default.fileExists(atPath: path) ? "not valid JSON" : "no such file")
    }
    func value<T>(_ key: String, _ type: T.Type, default standard: T) throws(AdapterError) -> T {
      guard let found = object[key], !(found is NSNull) else { return standard }
      guard let typed = found as? T else {
        throw fail("key \(key): \(found) is not a valid value")
      }
      return typed
    }
    func strings(_ key: String) throws(AdapterError) -> [String] {
      if let one = object[key] as? String { return [one] }
      return try value(key, [String].self, default: [])
    }
    func targets(_ key: String) throws(AdapterError) -> ModuleTargets? {
      if let text = object[key] as? String { return ModuleTargets(text: text) }
      guard object[key] != nil, !(object[key] is NSNull) else { return nil }
      return .names(try value(key, [String].self, default: []))
    }
    let kind = try value("peft_type", String.self, default: "")
    guard kind == "LORA" else {
      throw fail(
        "peft_type \(kind.isEmpty ? "is missing" : "\(kind) is not supported"); supported: LORA")
    }
    for key in Self.unsupported {
      guard let found = object[key], !(found is NSNull) else { continue }
      if let flag = found as? Bool, !flag { continue }
      throw fail("key \(key) is set, which is not supported")
    }
    // These take something out of the base weights, which the adapter then assumes.
    if let method = object["init_lora_weights"] as? String,
      ["pissa", "olora", "corda", "loftq"].contains(where: method.lowercased().hasPrefix)
    {
      throw fail(
        "key init_lora_weights: \(method) changes the base weights, which is not supported")
    }
    rank = try value("r", Int.self, default: 8)
    alpha = try value("lora_alpha", NSNumber.self, default: 8).doubleValue
    dropout = try value("lora_dropout", NSNumber.self, default: 0).floatValue
    usesRankStabilisation = try value("use_rslora", Bool.self, default: false)
    self.targets = try targets("target_modules")
    excluded = try targets("exclude_modules")
    rankPattern = try value("rank_pattern", [String: Int].self, default: [:])
      .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    alphaPattern = try value("alpha_pattern", [String: NSNumber].self, default: [:])
      .sorted { $0.key < $1.key }.map { ($0.key, $0.value.doubleValue) }
    if let one = object["layers_to_transform"] as? Int {
      layersToTransform = [one]
    } else {
      layersToTransform = try value("layers_to_transform", [Int].self, default: [])
    }
    layersPattern = try strings("layers_pattern")
    let biasName = try value("bias", String.self, default: "none")
    guard let bias = BiasTraining(rawValue: biasName) else {
      throw fail("key bias: \(biasName) is not none, all or lora_only")
    }
    self.bias = bias
    modulesToSave = try strings("modules_to_save")
    hasLoRABias = try value("lora_bias", Bool.self, default: false)
    taskType = try value("task_type", String?.self, default: nil)
    baseModel = try value("base_model_name_or_path", String?.self, default: nil)
    guard rank > 0, rank <= 1 << 16, rankPattern.allSatisfy({ $0.rank > 0 && $0.rank <= 1 << 16 }),
      dropout >= 0, dropout < 1, alpha.isFinite
    else { throw fail("r must be positive and lora_dropout in 0 ..< 1") }
  }

  /// The text of `adapter_config.json`, keys sorted, as PEFT writes it.
  public var jsonText: String {
    func quote(_ text: String) -> String {
      let data = try? JSONEncoder().encode(text)
      return data.map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    }
    func list(_ items: [String]) -> String { "[" + items.joined(separator: ", ") + "]" }
    func number(_ value: Double) -> String {
      value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
    }
    func modules(_ targets: ModuleTargets?) -> String {
      switch targets {
      case nil: "null"
      case .names(let names): list(names.map(quote))
      case .pattern(let pattern): quote(pattern)
      case .allLinear: quote("all-linear")
      }
    }
    func dictionary(_ entries: [(String, String)]) -> String {
      entries.isEmpty
        ? "{}" : "{" + entries.map { quote($0.0) + ": " + $0.1 }.joined(separator: ", ") + "}"
    }
    let fields: [(String, String)] = [
      ("alpha_pattern", dictionary(alphaPattern.map { ($0.pattern, number($0.alpha)) })),
      ("auto_mapping", "null"),
      ("base_model_name_or_path", baseModel.map(quote) ?? "null"),
      ("bias", quote(bias.rawValue)),
      ("exclude_modules", modules(excluded)),
      ("fan_in_fan_out", "false"),
      ("inference_mode", "true"),
      ("init_lora_weights", "true"),
      ("layers_pattern", layersPattern.isEmpty ? "null" : list(layersPattern.map(quote))),
      (
        "layers_to_transform",
        layersToTransform.isEmpty ? "null" : list(layersToTransform.map(String.init))
      ),
      ("lora_alpha", number(alpha)),
      ("lora_bias", String(hasLoRABias)),
      ("lora_dropout", String(dropout)),
      ("modules_to_save", modulesToSave.isEmpty ? "null" : list(modulesToSave.map(quote))),
      ("peft_type", quote("LORA")),
      ("r", String(rank)),
      ("rank_pattern", dictionary(rankPattern.map { ($0.pattern, String($0.rank)) })),
      ("revision", "null"),
      ("target_modules", modules(targets)),
      ("task_type", taskType.map(quote) ?? "null"),
      ("use_dora", "false"),
      ("use_rslora", String(usesRankStabilisation)),
    ]
    return "{\n" + fields.map { "  \(quote($0.0)): \($0.1)" }.joined(separator: ",\n") + "\n}\n"
  }

  /// What B A x is multiplied by: alpha / r, or alpha / sqrt(r) with rank stabilisation (Kalajdzievski,
  /// "A rank stabilization scaling factor for fine-tuning with LoRA", 2023).
  public func scale(rank: Int, alpha: Double) -> Float {
    Float(alpha / (usesRankStabilisation ? Double(rank).squareRoot() : Double(rank)))
  }
}
