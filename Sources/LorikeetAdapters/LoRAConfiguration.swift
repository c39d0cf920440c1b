// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers
internal import LorikeetTensors

/// PEFT's configuration of a LoRA adapter, `adapter_config.json`.
///
/// Field names are PEFT's. Fields that are absent take PEFT's defaults; fields that would change the
/// numbers in a way that is not supported here are refused when they are set.
public struct LoRAConfiguration: AdapterConfiguration, Equatable {
  public static let peftType = "LORA"

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
  /// DoRA: the rows of the adapted weight get norms of their own.
  public var usesDoRA = false
  /// Rows of the input embeddings that train.
  public var trainableTokens: [Int] = []
  public var taskType: String?
  public var baseModel: String?

  public init() {}

  public static func == (a: Self, b: Self) -> Bool { a.jsonText == b.jsonText }

  /// Keys whose non-default values change what the adapter computes, and that are not supported.
  private static let unsupported = [
    "use_qalora", "use_bdlora", "layer_replication", "alora_invocation_tokens",
    "arrow_config", "ensure_weight_tying", "target_parameters", "kasa_config", "monteclora_config",
    "velora_config",
    "fan_in_fan_out",
  ]

  public init(_ file: ConfigurationFile) throws(AdapterError) {
    try file.refuse(Self.unsupported)
    // These take something out of the base weights, which the adapter then assumes.
    if let method = file["init_lora_weights"] as? String,
      ["pissa", "olora", "corda", "loftq", "lora_ga"].contains(where: method.lowercased().hasPrefix)
    {
      throw file.failure(
        "key init_lora_weights: \(method) changes the base weights, which is not supported")
    }
    rank = try file.value("r", Int.self, default: 8)
    alpha = try file.number("lora_alpha", default: 8)
    dropout = Float(try file.number("lora_dropout", default: 0))
    usesRankStabilisation = try file.value("use_rslora", Bool.self, default: false)
    usesDoRA = try file.value("use_dora", Bool.self, default: false)
    targets = try file.modules("target_modules")
    excluded = try file.modules("exclude_modules")
    rankPattern = try file.value("rank_pattern", [String: Int].self, default: [:])
      .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    alphaPattern = try file.numbers("alpha_pattern").map { ($0.key, $0.value) }
    layersToTransform = try file.integers("layers_to_transform")
    layersPattern = try file.strings("layers_pattern")
    let biasName = try file.value("bias", String.self, default: "none")
    guard let bias = BiasTraining(rawValue: biasName) else {
      throw file.failure("key bias: \(biasName) is not none, all or lora_only")
    }
    self.bias = bias
    modulesToSave = try file.strings("modules_to_save")
    hasLoRABias = try file.value("lora_bias", Bool.self, default: false)
    trainableTokens = try Self.tokens(file)
    taskType = try file.value("task_type", String?.self, default: nil)
    baseModel = try file.value("base_model_name_or_path", String?.self, default: nil)
    guard rank > 0, rank <= 1 << 16, rankPattern.allSatisfy({ $0.rank > 0 && $0.rank <= 1 << 16 }),
      dropout >= 0, dropout < 1
    else { throw file.failure("r must be positive and lora_dropout in 0 ..< 1") }
    guard ([alpha] + alphaPattern.map(\.alpha)).allSatisfy({ Float($0).isFinite }) else {
      throw file.failure("lora_alpha and alpha_pattern must be numbers that float32 can hold")
    }
    if let reason = contradiction { throw file.failure(reason) }
  }

  /// `trainable_token_indices`: a list, or a list for the input embeddings by their name.
  private static func tokens(_ file: ConfigurationFile) throws(AdapterError) -> [Int] {
    let key = "trainable_token_indices"
    guard let named = file[key] as? [String: Any] else {
      return try file.value(key, [Int].self, default: [])
    }
    guard named.count == 1, let (name, list) = named.first,
      name == "embed_tokens" || name.hasSuffix(".embed_tokens"), let tokens = list as? [Int]
    else {
      throw file.failure("key \(key): only a list for embed_tokens is supported, not \(named)")
    }
    return tokens
  }

  /// What PEFT refuses as well; nil if there is nothing.
  var contradiction: String? {
    let isText =
      switch targets {
      case .pattern, .allLinear: true
      case .names, nil: false
      }
    if isText, !layersToTransform.isEmpty {
      return "key layers_to_transform cannot be set where target_modules is a string"
    }
    if isText, !layersPattern.isEmpty {
      return "key layers_pattern cannot be set where target_modules is a string"
    }
    if layersToTransform.isEmpty, !layersPattern.isEmpty {
      return "key layers_pattern needs layers_to_transform"
    }
    if usesDoRA, hasLoRABias { return "keys use_dora and lora_bias cannot both be set" }
    return nil
  }

  /// The text of `adapter_config.json`, keys sorted, as PEFT writes it.
  public var jsonText: String {
    typealias Text = ConfigurationText
    return Text.file([
      ("alpha_pattern", Text.dictionary(alphaPattern.map { ($0.pattern, Text.number($0.alpha)) })),
      ("auto_mapping", "null"),
      ("base_model_name_or_path", baseModel.map(Text.quote) ?? "null"),
      ("bias", Text.quote(bias.rawValue)),
      ("exclude_modules", Text.modules(excluded)),
      ("fan_in_fan_out", "false"),
      ("inference_mode", "true"),
      ("init_lora_weights", "true"),
      ("layers_pattern", Text.listOrNull(layersPattern.map(Text.quote))),
      ("layers_to_transform", Text.listOrNull(layersToTransform.map { String($0) })),
      ("lora_alpha", Text.number(alpha)),
      ("lora_bias", String(hasLoRABias)),
      ("lora_dropout", String(dropout)),
      ("modules_to_save", Text.listOrNull(modulesToSave.map(Text.quote))),
      ("peft_type", Text.quote(Self.peftType)),
      ("r", String(rank)),
      ("rank_pattern", Text.dictionary(rankPattern.map { ($0.pattern, String($0.rank)) })),
      ("revision", "null"),
      ("target_modules", Text.targets(targets)),
      ("task_type", taskType.map(Text.quote) ?? "null"),
      ("trainable_token_indices", Text.listOrNull(trainableTokens.map { String($0) })),
      ("use_dora", String(usesDoRA)),
      ("use_rslora", String(usesRankStabilisation)),
    ])
  }

  /// What B A x is multiplied by: alpha / r, or alpha / sqrt(r) with rank stabilisation (Kalajdzievski,
  /// "A rank stabilization scaling factor for fine-tuning with LoRA", 2023).
  public func scale(rank: Int, alpha: Double) -> Float {
    Float(alpha / (usesRankStabilisation ? Double(rank).squareRoot() : Double(rank)))
  }

  public var patterns: [String] { rankPattern.map(\.pattern) + alphaPattern.map(\.pattern) }

  /// The rank of an adapted layer.
  public func rank(of name: String) -> Int {
    rankPattern.first { ModuleMatcher.endMatch($0.pattern, name) }?.rank ?? rank
  }

  /// The alpha of an adapted layer.
  public func alpha(of name: String) -> Double {
    alphaPattern.first { ModuleMatcher.endMatch($0.pattern, name) }?.alpha ?? alpha
  }
}

extension LoRAConfiguration {
  public func term(on linear: Linear, _ slot: AdapterSlot) throws(AdapterError) -> any LinearTerm {
    let (inputs, outputs, rank) = (linear.inputs, linear.outputs, self.rank(of: linear.name))
    let lowRank = LowRankAdapter(
      a: try slot.parameter(".lora_A.weight", [rank, inputs]) { stream in
        // PEFT's Kaiming initialisation.
        let bound = 1 / Float(max(inputs, 1)).squareRoot()
        return Tensor(
          (0..<rank * inputs).map { _ in stream.uniform(-bound..<bound) }, [rank, inputs])
      },
      b: try slot.parameter(".lora_B.weight", [outputs, rank]) { _ in
        Tensor(repeating: 0, [outputs, rank])
      },
      bias: hasLoRABias
        ? try slot.parameter(".lora_B.bias", [outputs]) { _ in Tensor(repeating: 0, [outputs]) }
        : nil,
      scale: scale(rank: rank, alpha: alpha(of: linear.name)), dropout: dropout,
      modalities: slot.modalities)
    guard usesDoRA else { return lowRank }
    let magnitude = try slot.parameter(".lora_magnitude_vector", [outputs]) { _ in
      RowNorms.initial(linear.weight, .rows)
    }
    return MagnitudeAdapter(lowRank, magnitude: magnitude, on: linear)
  }

  public func term(
    on embedding: Embedding, _ slot: AdapterSlot
  ) throws(AdapterError) -> any EmbeddingTerm {
    if hasLoRABias {
      throw .cannotAttach(
        source: slot.source,
        reason: "lora_bias cannot be used on the embeddings \(embedding.name)")
    }
    let (count, width, rank) = (
      embedding.count, embedding.width, self.rank(of: embedding.name)
    )
    let lowRank = LowRankEmbedding(
      a: try slot.parameter(".lora_embedding_A", [rank, count]) { _ in
        Tensor(repeating: 0, [rank, count])
      },
      b: try slot.parameter(".lora_embedding_B", [width, rank]) { stream in
        Tensor((0..<width * rank).map { _ in stream.normal() }, [width, rank])
      },
      scale: scale(rank: rank, alpha: alpha(of: embedding.name)))
    guard usesDoRA else { return lowRank }
    let magnitude = try slot.parameter(".lora_magnitude_vector", [width]) { _ in
      RowNorms.initial(embedding.weight, .columns)
    }
    return MagnitudeEmbedding(lowRank, magnitude: magnitude, on: embedding)
  }
}
