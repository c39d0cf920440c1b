// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetAdapters
internal import LorikeetTokenPruning
internal import LorikeetVisionLanguage
internal import Yams

extension TrainingRecipe {
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let standard = TrainingRecipe()
    func value<T: Decodable>(_ key: CodingKeys, _ fallback: T) throws -> T {
      try values.decodeIfPresent(T.self, forKey: key) ?? fallback
    }
    // What the recipe's documentation calls none.
    func optional<T: Decodable>(_ key: CodingKeys) throws -> T? {
      if try values.decodeIfPresent(String.self, forKey: key) == "none" { return nil }
      return try values.decodeIfPresent(T.self, forKey: key)
    }
    func choice<T: RawRepresentable & CaseIterable>(_ key: CodingKeys, none: Bool = false) throws
      -> T?
    where T.RawValue == String {
      guard let name = try values.decodeIfPresent(String.self, forKey: key),
        !(none && name == "none")
      else { return nil }
      guard let choice = T(rawValue: name) else {
        let known = T.allCases.map(\.rawValue).joined(separator: ", ")
        throw DecodingError.dataCorruptedError(
          forKey: key, in: values, debugDescription: "\(name) is none of \(known)")
      }
      return choice
    }
    self.init()
    self.model = try value(.model, standard.model)
    self.data = try value(.data, standard.data)
    self.output = try value(.output, standard.output)
    self.seed = try value(.seed, standard.seed)
    self.baseType = try choice(.baseType, none: true)
    self.routing = try choice(.routing) ?? standard.routing
    self.r = try value(.r, standard.r)
    self.loraAlpha = try value(.loraAlpha, standard.loraAlpha)
    self.loraDropout = try value(.loraDropout, standard.loraDropout)
    self.useRslora = try value(.useRslora, standard.useRslora)
    self.useDora = try value(.useDora, standard.useDora)
    self.peftType = try choice(.peftType) ?? standard.peftType
    self.encoder = try value(.encoder, standard.encoder)
    self.projector = try value(.projector, standard.projector)
    self.decoder = try value(.decoder, standard.decoder)
    self.modalities = try value(.modalities, standard.modalities)
    self.captionWeight = try value(.captionWeight, standard.captionWeight)
    self.classifyWeight = try value(.classifyWeight, standard.classifyWeight)
    self.promptStyle = try choice(.promptStyle) ?? standard.promptStyle
    self.captionPrompt = try value(.captionPrompt, standard.captionPrompt)
    self.labelPrompt = try value(.labelPrompt, standard.labelPrompt)
    self.textPrefix = try value(.textPrefix, standard.textPrefix)
    self.prune = try optional(.prune)
    self.prunedPositions = try choice(.prunedPositions) ?? standard.prunedPositions
    self.missing = try choice(.missing) ?? standard.missing
    self.standInTokens = try value(.standInTokens, standard.standInTokens)
    self.dropImage = try value(.dropImage, standard.dropImage)
    self.dropText = try value(.dropText, standard.dropText)
    self.featureCache = try value(.featureCache, standard.featureCache)
    self.standardizeFeatures = try value(.standardizeFeatures, standard.standardizeFeatures)
    self.imageViews = try value(.imageViews, standard.imageViews)
    self.learningRate = try value(.learningRate, standard.learningRate)
    self.lrSchedulerType = try choice(.lrSchedulerType) ?? standard.lrSchedulerType
    self.warmupSteps = try value(.warmupSteps, standard.warmupSteps)
    self.projectorSteps = try value(.projectorSteps, standard.projectorSteps)
    self.weightDecay = try value(.weightDecay, standard.weightDecay)
    self.maxGradNorm = try value(.maxGradNorm, standard.maxGradNorm)
    self.adamBeta1 = try value(.adamBeta1, standard.adamBeta1)
    self.adamBeta2 = try value(.adamBeta2, standard.adamBeta2)
    self.adamEpsilon = try value(.adamEpsilon, standard.adamEpsilon)
    self.perDeviceTrainBatchSize = try value(
      .perDeviceTrainBatchSize, standard.perDeviceTrainBatchSize)
    self.gradientAccumulationSteps = try value(
      .gradientAccumulationSteps, standard.gradientAccumulationSteps)
    self.gradientCheckpointing = try value(
      .gradientCheckpointing, standard.gradientCheckpointing)
    self.maxSteps = try value(.maxSteps, standard.maxSteps)
    self.maxMinutes = try optional(.maxMinutes)
    self.evalSteps = try value(.evalSteps, standard.evalSteps)
    self.evalSamples = try value(.evalSamples, standard.evalSamples)
    self.earlyStoppingPatience = try optional(.earlyStoppingPatience)
    self.saveSteps = try value(.saveSteps, standard.saveSteps)
    self.saveTotalLimit = try value(.saveTotalLimit, standard.saveTotalLimit)
    self.strict = try value(.strict, standard.strict)
  }

  /// Reads a recipe and changes some of its values.
  ///
  /// - Parameters:
  ///   - path: a YAML file; nil for the defaults.
  ///   - changes: `key=value`, with a dot for keys within keys (`decoder.r=16`); values are YAML.
  /// - Throws: `TrainingError.recipe` naming the key.
  public init(path: String?, changes: [String] = []) throws(TrainingError) {
    let name = path ?? "recipe"
    var root: Node?
    if let path {
      guard let data = FileManager.default.contents(atPath: path) else {
        throw .recipe(path: path, reason: "cannot be read")
      }
      guard let text = String(validating: data, as: UTF8.self) else {
        throw .recipe(path: path, reason: "not UTF-8")
      }
      root = try RecipeNodes.parse(text, path)
    }
    for change in changes {
      let sides = change.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let source = "--set \(change)"
      guard sides.count == 2, !sides[0].isEmpty,
        let value = try? RecipeNodes.parse(String(sides[1]), source)
      else { throw .recipe(path: source, reason: "expected KEY=VALUE") }
      root = RecipeNodes.setting(root, sides[0].split(separator: ".").map(String.init)[...], value)
    }
    if let root {
      try Self.requireKnown(root, name)
      do {
        self = try YAMLDecoder().decode(TrainingRecipe.self, from: root)
      } catch let error as DecodingError {
        throw .recipe(path: name, reason: Self.describe(error))
      } catch {
        throw .recipe(path: name, reason: "\(error)")
      }
    } else {
      self.init()
    }
    try check(name)
  }

  /// The recipe as YAML, every value written out.
  public func yaml() throws -> String {
    let encoder = YAMLEncoder()
    encoder.options.sortKeys = false
    return try encoder.encode(self)
  }

  /// Refuses keys that nothing reads: a misspelt one would be silently without effect.
  private static func requireKnown(_ root: Node, _ path: String) throws(TrainingError) {
    let known = Set(CodingKeys.allCases.map(\.rawValue))
    let part: Set = ["train", "r", "lora_alpha", "target_modules", "learning_rate"]
    let modality: Set = ["r", "lora_alpha", "learning_rate"]
    func check(_ node: Node, _ allowed: Set<String>, _ prefix: String) throws(TrainingError)
      -> [(key: String, value: Node)]
    {
      let pairs = try RecipeNodes.pairs(node, path)
      if let key = pairs.map(\.key).sorted().first(where: { !allowed.contains($0) }) {
        throw .recipe(
          path: path,
          reason: "unknown key \(prefix)\(key); known: \(allowed.sorted().joined(separator: ", "))")
      }
      return pairs
    }
    guard root.mapping != nil else {
      throw .recipe(path: path, reason: "expected keys with values")
    }
    for (key, value) in try check(root, known, "") {
      switch key {
      case "encoder", "projector", "decoder": _ = try check(value, part, key + ".")
      case "modalities":
        for (name, value) in try check(value, ["image", "text", "missing"], "modalities.") {
          _ = try check(value, modality, "modalities.\(name).")
        }
      default: break
      }
    }
  }

  private func check(_ path: String) throws(TrainingError) {
    func require(_ condition: Bool, _ reason: String) throws(TrainingError) {
      if !condition { throw .recipe(path: path, reason: reason) }
    }
    func requireCount(_ value: Int, _ range: ClosedRange<Int>, _ key: CodingKeys)
      throws(TrainingError)
    {
      try require(
        range.contains(value),
        "\(key.rawValue) \(value) must be from \(range.lowerBound) to \(range.upperBound)")
    }
    func requireNumber(_ value: Double, _ key: CodingKeys) throws(TrainingError) {
      try require(
        value >= 0 && value.isFinite,
        "\(key.rawValue) \(value) must be a number that is not negative")
    }
    if let baseType, baseType != .float32 {
      try require(
        training(of: .encoder) != .full && training(of: .decoder) != .full,
        "base_dtype \(baseType.rawValue) cannot be trained with train: full of encoder or decoder; "
          + "leave it out, or use train: lora")
    }
    let parts = [encoder, projector, decoder]
    let ranks = [r] + parts.compactMap(\.r) + modalities.values.compactMap(\.r)
    for rank in ranks { try requireCount(rank, 1...4096, .r) }
    let alphas =
      [loraAlpha] + parts.compactMap(\.loraAlpha) + modalities.values.compactMap(\.loraAlpha)
    try require(alphas.allSatisfy(\.isFinite), "lora_alpha must be a number")
    try require(loraDropout >= 0 && loraDropout < 1, "lora_dropout must be in 0 ..< 1")
    let rates =
      [learningRate] + parts.compactMap(\.learningRate)
      + modalities.values.compactMap(\.learningRate)
    try require(
      rates.allSatisfy { $0 > 0 && $0.isFinite }, "learning_rate must be a positive number")
    let many = 1_000_000
    try requireCount(perDeviceTrainBatchSize, 1...many, .perDeviceTrainBatchSize)
    try requireCount(gradientAccumulationSteps, 1...many, .gradientAccumulationSteps)
    try requireCount(imageViews, 1...1000, .imageViews)
    try requireCount(standInTokens, 1...1000, .standInTokens)
    for (value, key) in [
      (maxSteps, CodingKeys.maxSteps), (evalSteps, .evalSteps), (evalSamples, .evalSamples),
      (saveSteps, .saveSteps), (saveTotalLimit, .saveTotalLimit),
      (earlyStoppingPatience ?? 1, .earlyStoppingPatience),
    ] { try requireCount(value, 1...Int(Int32.max), key) }
    try requireCount(warmupSteps, 0...Int(Int32.max), .warmupSteps)
    try requireCount(projectorSteps, 0...Int(Int32.max), .projectorSteps)
    for (value, key) in [
      (weightDecay, CodingKeys.weightDecay), (maxGradNorm, .maxGradNorm),
      (captionWeight, .captionWeight), (classifyWeight, .classifyWeight),
      (maxMinutes ?? 0, .maxMinutes),
    ] { try requireNumber(value, key) }
    try require(
      (0..<1).contains(adamBeta1) && (0..<1).contains(adamBeta2),
      "adam_beta1 and adam_beta2 must be in 0 ..< 1")
    try require(
      adamEpsilon > 0 && adamEpsilon.isFinite, "adam_epsilon must be a positive number")
    try require(
      (0...1).contains(dropImage) && (0...1).contains(dropText),
      "drop_image and drop_text must be from 0 to 1")
    try require(
      captionWeight + classifyWeight > 0, "caption_weight or classify_weight must be above 0")
    try require(peftType == .lora || !useDora, "use_dora needs peft_type: LORA")
    try checkEffects(path)
    if let prune {
      do {
        _ = try PruningSpecification(prune)
      } catch {
        throw .recipe(path: path, reason: "\(error)")
      }
    }
    try require(
      ModelPart.allCases.contains { training(of: $0) != .frozen },
      "nothing trains: encoder, projector and decoder are all frozen")
  }

  /// Refuses options of what does not train: they would be silently without effect.
  private func checkEffects(_ path: String) throws(TrainingError) {
    func refuse(_ keys: KeyValuePairs<String, Bool>, _ owner: String, _ reason: String)
      throws(TrainingError)
    {
      if let given = keys.first(where: { $0.value }) {
        throw .recipe(path: path, reason: "\(owner)\(given.key) has no effect: \(reason)")
      }
    }
    let hasRank = peftType == .lora
    let noRank = "peft_type \(peftType.rawValue) has neither rank nor dropout"
    if !hasRank {
      try refuse(["lora_dropout": loraDropout > 0, "use_rslora": useRslora], "", noRank)
    }
    for part in ModelPart.allCases {
      let (options, training) = (self.part(part), self.training(of: part))
      let owner = part.rawValue + "."
      let ranks: KeyValuePairs = ["r": options.r != nil, "lora_alpha": options.loraAlpha != nil]
      if training != .lora {
        let reason = "\(owner)train is \(training.rawValue)"
        try refuse(ranks, owner, reason)
        try refuse(["target_modules": options.targetModules != nil], owner, reason)
        let isIdle = training == .frozen && options.learningRate != nil
        try refuse(["learning_rate": isIdle], owner, reason)
      } else if !hasRank {
        try refuse(ranks, owner, noRank)
      }
    }
    let names = AdapterRouting(routing).names
    for (name, options) in modalities.sorted(by: { $0.key < $1.key }) {
      let owner = "modalities.\(name)."
      let ranks: KeyValuePairs = ["r": options.r != nil, "lora_alpha": options.loraAlpha != nil]
      if !hasRank { try refuse(ranks, owner, noRank) }
      // Encoder and projector see image rows only.
      let parts = name == "image" ? ModelPart.allCases : [.decoder]
      var reason: String?
      if !names.contains(name) {
        reason = "routing \(routing.rawValue) has no adapter of that name"
      } else if parts.allSatisfy({ self.training(of: $0) != .lora }) {
        reason = "nothing of it has train: lora"
      }
      if let reason {
        try refuse(ranks, owner, reason)
        try refuse(["learning_rate": options.learningRate != nil], owner, reason)
      }
    }
  }

  private static func describe(_ error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, _): "key \(key.stringValue) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context),
      .dataCorrupted(let context):
      "key \(context.codingPath.map(\.stringValue).joined(separator: ".")): "
        + "the value is not of the kind expected (\(context.debugDescription))"
    @unknown default: "not a recipe"
    }
  }
}
