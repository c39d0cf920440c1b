// SPDX-License-Identifier: Apache-2.0

package import LorikeetAutograd
internal import LorikeetImages
internal import LorikeetLayers
internal import LorikeetTensors
internal import LorikeetTextDecoders
internal import LorikeetTraining
internal import LorikeetVisionEncoders
internal import LorikeetVisionLanguage

/// Times the step that the trainer takes, on pixels and tokens drawn from a seed.
package struct TrainBenchmark {
  package struct Options: Sendable {
    package var batch = 8
    /// Visual tokens of each picture before pruning.
    package var visualTokens = 256
    package var textTokens = 32
    package var prune: String?
    /// Whether pictures went through the encoder before.
    package var cachesFeatures = false
    package var encoderLoRA = false
    package var rank = 8
    /// More keys of a training recipe, as KEY=VALUE.
    package var changes: [String] = []
    package var repetitions = Repetitions(warmUp: 2, count: 5)
    package var profiles = false
    package var seed: UInt64 = 0

    package init() {}

    /// The recipe of plain LoRA on all linear layers of the decoder, with a trained projector.
    func recipe(_ baseType: BaseType?) throws -> TrainingRecipe {
      var keys = [
        "r=\(rank)", "lora_alpha=\(2 * rank)", "routing=shared", "missing=drop",
        "per_device_train_batch_size=\(batch)", "seed=\(seed)",
      ]
      if let baseType { keys.append("base_dtype=\(baseType.rawValue)") }
      if let prune { keys.append("prune=\"\(prune)\"") }
      if encoderLoRA {
        keys += ["encoder.train=lora", "encoder.target_modules=[q_proj, v_proj]"]
      }
      return try TrainingRecipe(path: nil, changes: keys + changes)
    }

    var settings: JSONLine {
      [
        "batch": .int(batch), "visual_tokens": .int(visualTokens), "text_tokens": .int(textTokens),
        "prune": prune.map { .string($0) } ?? .null, "cached_features": .bool(cachesFeatures),
        "encoder_lora": .bool(encoderLoRA), "rank": .int(rank),
        "set": .array(changes.map { .string($0) }),
      ]
    }
  }

  /// What came out.
  package struct Result {
    package var measurement: MeasuredWork
    /// Costs summed over the measured steps; empty unless asked for.
    package var profile: [Profiler.Entry] = []
    /// The steps that the profile covers.
    package var steps: Int
  }

  private let options: Options
  private let recipe: TrainingRecipe
  private let pipeline: Pipeline
  private let setup: TrainingSetup
  private let step: TrainingStep
  private let profiler: Profiler?
  private let name: String

  /// - Throws: an error that says what does not fit: the number of tokens the model's context, say.
  package init(_ model: BenchmarkModel, _ options: Options) throws {
    self.options = options
    recipe = try options.recipe(model.baseType)
    pipeline = try model.open()
    guard pipeline.model.vision != nil else {
      throw BenchmarkError(
        model.description, "takes no pictures; a vision-language model is needed")
    }
    let rows = options.visualTokens + options.textTokens
    guard rows <= pipeline.model.decoder.contextLength else {
      throw BenchmarkError(
        model.description,
        "\(rows) tokens a sample, but the context holds \(pipeline.model.decoder.contextLength)")
    }
    setup = try TrainingSetup(recipe, pipeline, path: "bench train")
    try StepMemory(pipeline, setup, recipe, isCached: options.cachesFeatures).require(
      rows: rows, encoderRows: options.visualTokens, batch: options.batch, path: model.description)
    step = TrainingStep(recipe, pipeline, setup.groups)
    profiler = options.profiles ? Profiler(section: "encoder") : nil
    step.profiler = profiler
    name = model.description
  }

  package func run() throws -> Result {
    var random = RandomStream.derive(seed: options.seed, label: "bench train")
    let answers = (0..<options.batch).map { _ in
      (0..<options.textTokens).map { _ in random.index(below: pipeline.model.decoder.vocabulary) }
    }
    let pixels = pixels(&random)
    let cached = options.cachesFeatures ? cachedFeatures(pixels) : nil
    let one = PicturePixels(
      tiles: Self.pictures(pixels, 0..<1), height: pixels.shape[2], width: pixels.shape[3])
    var number = 0
    var (rows, operations) = (0, 0)
    func take() throws {
      number += 1
      let before = WorkCounter.operations
      profiler?.skip()
      rows = 0
      _ = try step.run(
        rows: Array(
          repeating: pipeline.expectedVisualTokens(one) + options.textTokens,
          count: options.batch),
        number: number, factor: 1, random: &random
      ) { samples, tape, random in
        profiler?.section = "encoder"
        let features =
          cached.map { Array($0[samples]) }
          ?? pipeline.model.visualFeatures(
            Self.pictures(pixels, samples), pruning: pipeline.pruning, tape: tape, isTraining: true,
            random: RandomStream(seed: random.next()))
        rows += features.reduce(0) { $0 + $1.features.shape.rows + options.textTokens }
        profiler?.section = "decoder"
        return zip(features, answers[samples]).map {
          TokenSequence(parts: [.image($0)], answer: $1)
        }
      }
      operations = WorkCounter.operations - before
    }
    for _ in 0..<options.repetitions.warmUp { try take() }
    profiler?.restart()
    PeakMemory.reset()
    let timing = try Repetitions(warmUp: 0, count: options.repetitions.count).time(take)
    var settings: JSONLine = [
      "model": .string(name),
      "base_dtype": recipe.baseType.map { .string($0.rawValue) } ?? .null,
      "dtypes": .string(pipeline.model.decoderTypes),
    ]
    settings.pairs += options.settings.pairs
    settings.append("trained_values", .int(setup.count))
    let measurement = MeasuredWork(
      work: "train", name: "step", settings: settings, timing: timing,
      operations: Double(operations),
      numbers: [
        ("samples_per_second", Double(options.batch) / timing.median),
        ("tokens_per_second", Double(rows) / timing.median),
      ], peakMemory: PeakMemory.bytes)
    return Result(
      measurement: measurement, profile: profiler?.entries ?? [],
      steps: options.repetitions.count)
  }

  /// Noise in the shape of pictures that give the number of tokens asked for.
  private func pixels(_ random: inout RandomStream) -> Tensor {
    let patch = pipeline.model.vision?.encoder.patchSize ?? 1
    let tokens = options.visualTokens
    let rows = (1...tokens).last { $0 * $0 <= tokens && tokens.isMultiple(of: $0) } ?? 1
    let block = (0..<65_537).map { _ in random.normal() }
    let shape: Shape = [options.batch, 3, rows * patch, tokens / rows * patch]
    return Tensor((0..<shape.count).map { block[$0 % block.count] }, shape)
  }

  /// Some of the pictures.
  private static func pictures(_ pixels: Tensor, _ range: Range<Int>) -> Tensor {
    let flat = pixels.reshaped([pixels.shape[0], pixels.count / max(pixels.shape[0], 1)])
    return flat.rows(range).reshaped([range.count, 3, pixels.shape[2], pixels.shape[3]])
  }

  /// Features as a cache has them, picture by picture so that little memory is needed.
  private func cachedFeatures(_ pixels: Tensor) -> [VisualFeatures] {
    (0..<options.batch).flatMap { image in
      pipeline.model.visualFeatures(
        Self.pictures(pixels, image..<image + 1), pruning: pipeline.pruning)
    }
  }
}
