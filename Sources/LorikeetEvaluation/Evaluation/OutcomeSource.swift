// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
internal import LorikeetDatasets
internal import LorikeetTextDecoders
internal import LorikeetVisionLanguage

/// Asks a pipeline.
struct OutcomeSource {
  let pipeline: Pipeline
  let options: EvaluationOptions
  let samples: EvaluationSamples
  let labels: [String]
  let features: PictureFeatures

  /// The outcomes of a batch.
  func outcomes(_ keys: [OutcomeKey]) throws -> [SampleOutcome] {
    let found = try features.features(keys.compactMap(\.picture))
    switch options.task {
    case .caption: return try captions(keys, found)
    case .classify: return try keys.map { try classification($0, found) }
    }
  }

  private func prompt(
    _ key: OutcomeKey, _ found: [Int: VisualFeatures], instruction: String, text: PromptText?
  ) throws -> TokenSequence {
    var image: PromptImage?
    if pipeline.model.vision != nil {
      image = key.picture.flatMap { found[$0] }.map { .features($0) } ?? .missing
    }
    return try pipeline.processor.prompt(
      image: image, text: text, instruction: instruction, settings: pipeline.settings)
  }

  // MARK: Captions

  private func captions(
    _ keys: [OutcomeKey], _ found: [Int: VisualFeatures]
  ) throws -> [SampleOutcome] {
    var prompts = try keys.map {
      try prompt($0, found, instruction: pipeline.settings.captionPrompt, text: nil)
    }
    var generation = GenerationOptions()
    generation.maxTokens = options.maxTokens
    for (index, key) in keys.enumerated() {
      let sample = samples.samples[key.sample]
      prompts[index].answer = pipeline.answer(sample.text ?? "")
      try pipeline.requireRoom(for: prompts[index], name: sample.imagePath ?? sample.id)
    }
    var losses: [TokenLoss] = []
    let lossSeconds = Stopwatch.seconds { losses = self.losses(prompts) }
    for index in prompts.indices {
      prompts[index].answer = []
      generation.maxTokens = min(generation.maxTokens, pipeline.room(for: prompts[index]))
    }
    var answers: [String?] = keys.map { _ in nil }
    var answerSeconds = 0.0
    if options.generates {
      answerSeconds = try Stopwatch.seconds { answers = try pipeline.write(prompts, generation) }
    }
    let count = Double(keys.count)
    return keys.indices.map { index in
      SampleOutcome(
        hasImage: keys[index].picture != nil, hasText: false, loss: losses[index],
        prediction: answers[index], seconds: (lossSeconds / count, answerSeconds / count))
    }
  }

  /// The loss of the answer of each sequence.
  private func losses(_ sequences: [TokenSequence]) -> [TokenLoss] {
    let batch = pipeline.model.pack(
      sequences, missing: pipeline.missing, positions: pipeline.settings.prunedPositions,
      tape: .inference)
    let losses = pipeline.model.loss(batch, tape: .inference).losses
    var start = 0
    return batch.targetCounts.map { count in
      defer { start += count }
      let sum = losses[start..<start + count].reduce(0) { $0 + Double($1) }
      return TokenLoss(sum: sum, tokens: count)
    }
  }

  // MARK: Labels

  private func classification(
    _ key: OutcomeKey, _ found: [Int: VisualFeatures]
  ) throws -> SampleOutcome {
    let sample = samples.samples[key.sample]
    let prompt = try prompt(
      key, found, instruction: pipeline.settings.labelPrompt,
      text: key.hasText ? sample.text.map { .words($0) } ?? .missing : .missing)
    let lengths = try pipeline.answers(labels).map(\.count)
    try pipeline.requireRoom(
      for: prompt, and: lengths.max() ?? 0, name: sample.imagePath ?? sample.id)
    guard pipeline.length(of: prompt) > 0 else {
      throw EvaluationError.option(name: "prompt", reason: "is empty for \(sample.id)")
    }
    var scores: [Float] = []
    let seconds = try Stopwatch.seconds {
      scores = try pipeline.scores(of: labels, after: prompt)
    }
    let truth = labels.firstIndex { $0 == sample.label } ?? 0
    let best = scores.indices.max { scores[$0] < scores[$1] } ?? 0
    return SampleOutcome(
      hasImage: key.picture != nil, hasText: key.hasText,
      loss: TokenLoss(
        sum: -Double(scores[truth]) * Double(lengths[truth]), tokens: lengths[truth]),
      prediction: labels[best], scores: scores, seconds: (0, seconds))
  }
}
