// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetAdapters
public import LorikeetMissingModality
public import LorikeetVisionLanguage
internal import Yams

/// How a part of the model is trained.
public enum PartTraining: String, Sendable, Codable, CaseIterable {
  case frozen
  case lora
  /// All of its weights.
  case full
}

/// Options of one part of the model (encoder, projector, decoder); what is nil is as for all.
public struct PartRecipe: Sendable, Equatable, Codable {
  /// As the part does by default if nil: the encoder frozen, the projector full, the decoder lora.
  public var train: PartTraining?
  public var r: Int?
  public var loraAlpha: Double?
  public var targetModules: [String]?
  public var learningRate: Double?

  enum CodingKeys: String, CodingKey {
    case train, r
    case loraAlpha = "lora_alpha"
    case targetModules = "target_modules"
    case learningRate = "learning_rate"
  }

  public init(train: PartTraining? = nil, targetModules: [String]? = nil) {
    self.train = train
    self.targetModules = targetModules
  }
}

/// Options of one modality's adapter (image, text, missing); what is nil is as for its part.
public struct ModalityRecipe: Sendable, Equatable, Codable {
  public var r: Int?
  public var loraAlpha: Double?
  public var learningRate: Double?

  enum CodingKeys: String, CodingKey {
    case r
    case loraAlpha = "lora_alpha"
    case learningRate = "learning_rate"
  }

  public init() {}
}

/// The methods that a recipe can train, by their names in PEFT.
public enum AdapterKind: String, Sendable, Codable, CaseIterable {
  case lora = "LORA"
  case ia3 = "IA3"
}

/// All options of a fine-tuning run: a YAML file whose keys are the names below, in snake case. Names
/// that Hugging Face's trainer and PEFT have are theirs.
public struct TrainingRecipe: Sendable, Equatable, Codable {
  public var model = ""
  public var data = ""
  public var output = ""
  public var seed: UInt64 = 0
  /// The type in which frozen weights are kept; nil for the one in which they are stored.
  public var baseType: BaseType?

  // What trains.
  public var routing = AdapterRouting.Kind.perModality
  public var r = 8
  public var loraAlpha = 16.0
  public var loraDropout = 0.0
  public var useRslora = false
  public var useDora = false
  public var peftType = AdapterKind.lora
  public var encoder = PartRecipe()
  public var projector = PartRecipe()
  public var decoder = PartRecipe()
  public var modalities: [String: ModalityRecipe] = [:]

  // What is learned: weights by which tasks are drawn.
  public var captionWeight = 1.0
  public var classifyWeight = 1.0
  public var promptStyle = PromptStyle.plain
  public var captionPrompt = "Caption:"
  public var labelPrompt = "Category:"
  public var textPrefix = "Text:"

  // Visual tokens and missing inputs.
  public var prune: String?
  public var prunedPositions = PrunedPositions.original
  public var missing = MissingModalityKind.tokens
  public var standInTokens = 4
  public var dropImage = 0.0
  public var dropText = 0.0

  // Features.
  public var featureCache = FeatureCacheKind.memory
  public var standardizeFeatures = true
  /// Pictures are seen in so many versions: as they are, then flipped and cropped.
  public var imageViews = 1

  // Optimisation.
  public var learningRate = 5e-4
  public var lrSchedulerType = LearningRateSchedule.Kind.cosine
  public var warmupSteps = 20
  public var projectorSteps = 0
  public var weightDecay = 0.01
  public var maxGradNorm = 1.0
  public var adamBeta1 = 0.9
  public var adamBeta2 = 0.999
  public var adamEpsilon = 1e-8
  public var perDeviceTrainBatchSize = 8
  public var gradientAccumulationSteps = 1
  public var gradientCheckpointing = false
  public var maxSteps = 500
  public var maxMinutes: Double?

  // Evaluation and saving.
  public var evalSteps = 50
  public var evalSamples = 256
  public var earlyStoppingPatience: Int?
  public var saveSteps = 100
  public var saveTotalLimit = 2
  public var strict = false

  public init() {}

  enum CodingKeys: String, CodingKey, CaseIterable {
    case model, data, output, seed
    case baseType = "base_dtype"
    case routing, r
    case loraAlpha = "lora_alpha"
    case loraDropout = "lora_dropout"
    case useRslora = "use_rslora"
    case useDora = "use_dora"
    case peftType = "peft_type"
    case encoder, projector, decoder, modalities
    case captionWeight = "caption_weight"
    case classifyWeight = "classify_weight"
    case promptStyle = "prompt_style"
    case captionPrompt = "caption_prompt"
    case labelPrompt = "label_prompt"
    case textPrefix = "text_prefix"
    case prune
    case prunedPositions = "pruned_positions"
    case missing
    case standInTokens = "stand_in_tokens"
    case dropImage = "drop_image"
    case dropText = "drop_text"
    case featureCache = "feature_cache"
    case standardizeFeatures = "standardize_features"
    case imageViews = "image_views"
    case learningRate = "learning_rate"
    case lrSchedulerType = "lr_scheduler_type"
    case warmupSteps = "warmup_steps"
    case projectorSteps = "projector_steps"
    case weightDecay = "weight_decay"
    case maxGradNorm = "max_grad_norm"
    case adamBeta1 = "adam_beta1"
    case adamBeta2 = "adam_beta2"
    case adamEpsilon = "adam_epsilon"
    case perDeviceTrainBatchSize = "per_device_train_batch_size"
    case gradientAccumulationSteps = "gradient_accumulation_steps"
    case gradientCheckpointing = "gradient_checkpointing"
    case maxSteps = "max_steps"
    case maxMinutes = "max_minutes"
    case evalSteps = "eval_steps"
    case evalSamples = "eval_samples"
    case earlyStoppingPatience = "early_stopping_patience"
    case saveSteps = "save_steps"
    case saveTotalLimit = "save_total_limit"
    case strict
  }
}
