// SPDX-License-Identifier: Apache-2.0

public import LorikeetDatasets
internal import LorikeetLayers
public import LorikeetMissingModality
public import LorikeetTensors
internal import LorikeetTextDecoders
public import LorikeetVisionLanguage

/// What a training example asks for.
public enum TrainingTask: String, Sendable, Codable {
  case caption
  case classify
  /// The first question and answer of a conversation.
  case conversation
}

/// One example as drawn: a sample, a task, and which of its inputs are there.
public struct TrainingExample: Sendable, Equatable {
  public var sample: Int
  public var view: Int
  public var task: TrainingTask
  public var hasImage: Bool
  public var hasText: Bool
}

/// Draws examples from samples and turns them into token sequences.
public struct ExampleSource {
  private let samples: [Sample]
  private let recipe: TrainingRecipe
  private let pipeline: Pipeline

  public init(_ samples: [Sample], _ recipe: TrainingRecipe, _ pipeline: Pipeline) {
    self.samples = samples
    self.recipe = recipe
    self.pipeline = pipeline
  }

  /// The tasks that a sample can serve, with their weights.
  private func tasks(_ sample: Sample) -> [(task: TrainingTask, weight: Double)] {
    if sample.conversation != nil { return [(.conversation, 1)] }
    var tasks: [(TrainingTask, Double)] = []
    if sample.text != nil, recipe.captionWeight > 0 {
      tasks.append((.caption, recipe.captionWeight))
    }
    if sample.label != nil, recipe.classifyWeight > 0 {
      tasks.append((.classify, recipe.classifyWeight))
    }
    return tasks
  }

  /// Whether a sample can serve any task.
  public func isUsable(_ sample: Int) -> Bool { !tasks(samples[sample]).isEmpty }

  /// Draws the task, the view and the missing inputs of an example.
  public func draw(_ index: Int, _ random: inout RandomStream) -> TrainingExample {
    let sample = samples[index]
    let choices = tasks(sample)
    var value = Double(random.uniform()) * choices.reduce(0) { $0 + $1.weight }
    let task =
      choices.first { choice in
        value -= choice.weight
        return value < 0
      }?.task ?? choices.last?.task ?? .caption
    let view = recipe.imageViews > 1 ? random.index(below: recipe.imageViews) : 0
    return example(index, task, view: view, lost: dropout(of: task).draw(&random))
  }

  /// What the examples of a task may lose: a caption is an answer and cannot be missing.
  public func dropout(of task: TrainingTask) -> ModalityDropout {
    ModalityDropout(image: recipe.dropImage, text: task == .classify ? recipe.dropText : 0)
  }

  private func example(
    _ index: Int, _ task: TrainingTask, view: Int, lost: ModalityDropout.Loss
  ) -> TrainingExample {
    let sample = samples[index]
    return TrainingExample(
      sample: index, view: view, task: task, hasImage: sample.imagePath != nil && !lost.image,
      hasText: sample.text != nil && !lost.text)
  }

  /// The example of a task without the inputs that are lost, as validation sees it; nil if the sample
  /// cannot serve the task.
  public func example(
    _ index: Int, task: TrainingTask, lost: ModalityDropout.Loss = (false, false)
  ) -> TrainingExample? {
    guard tasks(samples[index]).contains(where: { $0.task == task }) else { return nil }
    return example(index, task, view: 0, lost: lost)
  }

  /// About how many rows an example has in the decoder, told without its picture and the tokenizer.
  func expectedRows(_ example: TrainingExample, visualTokens: Int) -> Int {
    let sample = samples[example.sample]
    let turns = sample.conversation?.prefix(2).map(\.text) ?? []
    // A token has some four letters; prompts have a few tokens more.
    let letters = ([sample.text].compactMap(\.self) + turns).reduce(0) { $0 + $1.utf8.count }
    return (example.hasImage ? visualTokens : 0) + letters / 4 + 8
  }

  /// About how many rows the longest example has.
  func mostRows(visualTokens: Int) -> Int {
    samples.indices.reduce(0) { most, index in
      tasks(samples[index]).reduce(most) {
        let whole = example(index, $1.task, view: 0, lost: (false, false))
        return max($0, expectedRows(whole, visualTokens: visualTokens))
      }
    }
  }

  /// Makes sure, before anything is trained, that all examples fit the model's context.
  ///
  /// - Parameter visualTokens: of each picture, at least.
  /// - Throws: `ConfigurationError` naming the first that does not.
  func requireRoom(visualTokens: Int) throws {
    let context = pipeline.model.decoder.contextLength
    let settings = pipeline.settings
    let prompts = [settings.captionPrompt, settings.labelPrompt, settings.textPrefix]
    // A token has a byte at least, so most examples need not be turned into tokens.
    let fixed =
      visualTokens + 2 * settings.standInTokens + 256 + prompts.reduce(0) { $0 + $1.utf8.count }
    for (index, sample) in samples.enumerated() {
      let words = [sample.text, sample.label] + (sample.conversation?.prefix(2).map(\.text) ?? [])
      guard words.reduce(fixed, { $0 + ($1?.utf8.count ?? 0) }) > context else { continue }
      for (task, _) in tasks(sample) {
        var bare = example(index, task, view: 0, lost: (false, false))
        let hasImage = bare.hasImage
        bare.hasImage = false
        let sequence = try layOut(bare, features: nil)
        let length = pipeline.length(of: sequence)
        let standIns = sequence.parts.filter {
          if case .standIn(.missingImage) = $0 { true } else { false }
        }
        // The picture stands where its stand-in does.
        let seen = length - pipeline.length(of: TokenSequence(parts: standIns)) + visualTokens
        let most = hasImage ? recipe.dropImage > 0 ? max(seen, length) : seen : length
        guard most <= context else {
          throw ConfigurationError(
            path: name(of: sample),
            "its \(task.rawValue) example has \(most) tokens, but the model's context holds "
              + "\(context)")
        }
      }
    }
  }

  private func name(of sample: Sample) -> String { sample.imagePath ?? sample.id }

  /// The prompt and answer of an example.
  ///
  /// - Parameter features: of the example's picture; nil stands for a missing one.
  public func sequence(
    _ example: TrainingExample, features: VisualFeatures?
  ) throws -> TokenSequence {
    let sequence = try layOut(example, features: features)
    try pipeline.requireRoom(for: sequence, name: name(of: samples[example.sample]))
    return sequence
  }

  private func layOut(
    _ example: TrainingExample, features: VisualFeatures?
  ) throws -> TokenSequence {
    let sample = samples[example.sample]
    let settings = pipeline.settings
    let image: PromptImage? =
      pipeline.model.vision == nil
      ? nil : features.map { .features($0) } ?? .missing
    var text: PromptText?
    let instruction: String
    let answer: String
    switch example.task {
    case .caption:
      instruction = settings.captionPrompt
      answer = sample.text ?? ""
    case .classify:
      text = example.hasText ? sample.text.map { .words($0) } ?? .missing : .missing
      instruction = settings.labelPrompt
      answer = sample.label ?? ""
    case .conversation:
      let turns = sample.conversation ?? []
      instruction =
        turns.first { $0.role == .user }?.text.replacing("<image>", with: "")
        .trimmingPrefix(while: \.isWhitespace).description ?? ""
      answer = turns.first { $0.role == .assistant }?.text ?? ""
    }
    var sequence = try pipeline.processor.prompt(
      image: image, text: text, instruction: instruction, settings: settings)
    sequence.answer = pipeline.processor.answer(
      answer, settings: settings, endTokens: pipeline.model.decoder.endTokens)
    return sequence
  }
}
