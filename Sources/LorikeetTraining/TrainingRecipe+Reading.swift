// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Yams

extension TrainingRecipe {
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let standard = TrainingRecipe()
    func value<T: Decodable>(_ key: CodingKeys, _ fallback: T) throws -> T {
      try values.decodeIfPresent(T.self, forKey: key) ?? fallback
    }
    self.init()
    self.model = try value(.model, standard.model)
    self.data = try value(.data, standard.data)
    self.output = try value(.output, standard.output)
    self.seed = try value(.seed, standard.seed)
    self.routing = try value(.routing, standard.routing)
    self.r = try value(.r, standard.r)
    self.loraAlpha = try value(.loraAlpha, standard.loraAlpha)
    self.loraDropout = try value(.loraDropout, standard.loraDropout)
    self.useRslora = try value(.useRslora, standard.useRslora)
    self.encoder = try value(.encoder, standard.encoder)
    self.projector = try value(.projector, standard.projector)
    self.decoder = try value(.decoder, standard.decoder)
    self.modalities = try value(.modalities, standard.modalities)
    self.captionWeight = try value(.captionWeight, standard.captionWeight)
    self.classifyWeight = try value(.classifyWeight, standard.classifyWeight)
    self.promptStyle = try value(.promptStyle, standard.promptStyle)
    self.captionPrompt = try value(.captionPrompt, standard.captionPrompt)
    self.labelPrompt = try value(.labelPrompt, standard.labelPrompt)
    self.textPrefix = try value(.textPrefix, standard.textPrefix)
    self.prune = try values.decodeIfPresent(String.self, forKey: .prune)
    self.prunedPositions = try value(.prunedPositions, standard.prunedPositions)
    self.missing = try value(.missing, standard.missing)
    self.standInTokens = try value(.standInTokens, standard.standInTokens)
    self.dropImage = try value(.dropImage, standard.dropImage)
    self.dropText = try value(.dropText, standard.dropText)
    self.featureCache = try value(.featureCache, standard.featureCache)
    self.standardizeFeatures = try value(.standardizeFeatures, standard.standardizeFeatures)
    self.imageViews = try value(.imageViews, standard.imageViews)
    self.learningRate = try value(.learningRate, standard.learningRate)
    self.lrSchedulerType = try value(.lrSchedulerType, standard.lrSchedulerType)
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
    self.maxSteps = try value(.maxSteps, standard.maxSteps)
    self.maxMinutes = try values.decodeIfPresent(Double.self, forKey: .maxMinutes)
    self.evalSteps = try value(.evalSteps, standard.evalSteps)
    self.evalSamples = try value(.evalSamples, standard.evalSamples)
    self.earlyStoppingPatience = try values.decodeIfPresent(
      Int.self, forKey: .earlyStoppingPatience)
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
    var root: [String: Any] = [:]
    if let path {
      guard let data = FileManager.default.contents(atPath: path) else {
        throw .recipe(path: path, reason: "cannot be read")
      }
      do {
        let parsed = try Yams.load(yaml: String(decoding: data, as: UTF8.self))
        guard let object = (parsed ?? [String: Any]()) as? [String: Any] else {
          throw TrainingError.recipe(path: path, reason: "expected keys with values")
        }
        root = object
      } catch let error as TrainingError {
        throw error
      } catch {
        throw .recipe(
          path: path, reason: "not YAML: \(error)".split(separator: "\n").joined(separator: " "))
      }
    }
    for change in changes {
      let sides = change.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard sides.count == 2, !sides[0].isEmpty,
        let value = try? Yams.load(yaml: String(sides[1]))
      else { throw .recipe(path: "--set \(change)", reason: "expected KEY=VALUE") }
      Self.set(&root, sides[0].split(separator: ".").map(String.init), value)
    }
    try Self.requireKnown(root, name)
    do {
      let text = try Yams.dump(object: root)
      self = try YAMLDecoder().decode(TrainingRecipe.self, from: root.isEmpty ? "{}" : text)
    } catch let error as DecodingError {
      throw .recipe(path: name, reason: Self.describe(error))
    } catch {
      throw .recipe(path: name, reason: "\(error)")
    }
    try check(name)
  }

  /// The recipe as YAML, every value written out.
  public func yaml() throws -> String {
    let encoder = YAMLEncoder()
    encoder.options.sortKeys = false
    return try encoder.encode(self)
  }

  private static func set(_ object: inout [String: Any], _ path: [String], _ value: Any) {
    guard let key = path.first else { return }
    if path.count == 1 {
      object[key] = value
    } else {
      var inner = object[key] as? [String: Any] ?? [:]
      set(&inner, Array(path.dropFirst()), value)
      object[key] = inner
    }
  }

  /// Refuses keys that nothing reads: a misspelt one would be silently without effect.
  private static func requireKnown(_ root: [String: Any], _ path: String) throws(TrainingError) {
    let known = Set(CodingKeys.allCases.map(\.rawValue))
    let part: Set = ["train", "r", "lora_alpha", "target_modules", "learning_rate"]
    let modality: Set = ["r", "lora_alpha", "learning_rate"]
    func check(_ object: Any?, _ allowed: Set<String>, _ prefix: String) throws(TrainingError) {
      guard let object = object as? [String: Any] else { return }
      if let key = object.keys.sorted().first(where: { !allowed.contains($0) }) {
        throw .recipe(
          path: path,
          reason: "unknown key \(prefix)\(key); known: \(allowed.sorted().joined(separator: ", "))")
      }
    }
    try check(root, known, "")
    for name in ["encoder", "projector", "decoder"] { try check(root[name], part, name + ".") }
    if let modalities = root["modalities"] as? [String: Any] {
      try check(modalities, ["image", "text", "missing"], "modalities.")
      for (name, value) in modalities { try check(value, modality, "modalities.\(name).") }
    }
  }

  private func check(_ path: String) throws(TrainingError) {
    func require(_ condition: Bool, _ reason: String) throws(TrainingError) {
      if !condition { throw .recipe(path: path, reason: reason) }
    }
    let ranks = [r, encoder.r, projector.r, decoder.r] + modalities.values.map(\.r)
    try require(ranks.allSatisfy { $0 ?? 1 > 0 && $0 ?? 1 <= 4096 }, "r must be from 1 to 4096")
    try require(loraDropout >= 0 && loraDropout < 1, "lora_dropout must be in 0 ..< 1")
    try require(
      learningRate > 0 && learningRate.isFinite, "learning_rate must be a positive number")
    try require(
      perDeviceTrainBatchSize > 0 && gradientAccumulationSteps > 0 && maxSteps > 0
        && evalSteps > 0 && saveSteps > 0 && saveTotalLimit > 0 && imageViews > 0
        && standInTokens > 0,
      "batch size, accumulation, steps, views, stand-in tokens and limits must be at least 1")
    try require(warmupSteps >= 0 && projectorSteps >= 0, "warmup_steps must not be negative")
    try require(
      (0...1).contains(dropImage) && (0...1).contains(dropText),
      "drop_image and drop_text must be from 0 to 1")
    try require(
      captionWeight >= 0 && classifyWeight >= 0 && captionWeight + classifyWeight > 0,
      "caption_weight or classify_weight must be above 0")
    try require(
      ModelPart.allCases.contains { training(of: $0) != .frozen },
      "nothing trains: encoder, projector and decoder are all frozen")
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
