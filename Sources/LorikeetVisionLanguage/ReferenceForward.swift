// SPDX-License-Identifier: Apache-2.0

public import LorikeetAdapters
internal import LorikeetAutograd
internal import LorikeetImages
internal import LorikeetLayers
public import LorikeetTensors
internal import LorikeetTextDecoders
internal import LorikeetVisionEncoders

/// A model's numbers as transformers and PEFT name and shape them, so that anyone can hold them
/// against a reference: what `lorikeet debug forward` writes.
public struct ReferenceForward {
  public typealias Outputs = [(name: String, tensor: StoredTensor)]

  /// Greedy continuation of the first inputs.
  public struct Generation: Sendable {
    /// How many tokens to write; nothing ends the text before.
    public var count: Int
    /// How many inputs of each row to start from.
    public var prompt: Int

    public init(count: Int, prompt: Int) {
      self.count = count
      self.prompt = prompt
    }
  }

  public let model: LoadedModel
  public let adapters: AdapterSet?

  /// Opens a model directory and attaches what is chosen of some adapters.
  ///
  /// - Throws: an error that names the file and the cause.
  public init(model: String, adapters selection: AdapterSelection? = nil) throws {
    self.model = try ModelDirectory(model).load()
    let index = self.model.index
    adapters = try selection.map { try AdapterSet($0, attachingTo: index) }
  }

  /// Computes what the kind of model has to give.
  ///
  /// - Decoders: `logits` `[rows, tokens, vocabulary]`, `hidden.0` (the embeddings), `hidden.last`
  ///   (after the last norm); zero at padding. With labels `loss` `[1]`, the mean over the labels of
  ///   the batch, each predicted by the token before it.
  /// - Vision-language models: `logits`, `loss`, `image_features` (after the projector,
  ///   `[images x tokens, width]`), `hidden.0`, `hidden.last`.
  /// - Image encoders: `last_hidden_state`, `pooler_output` if they have one, `hidden.penultimate` (before the last
  ///   block), `attention.last`, `attention.penultimate` (probabilities).
  /// - Dual encoders: `image_embeds` `[images, width]`, `text_embeds` `[texts, width]`, and with both
  ///   `logits_per_image` `[images, texts]`.
  /// - With an adapter `trainable_parameters`, int64 `[1]`.
  ///
  /// - Parameters:
  ///   - gradients: adds `grad.NAME` of the loss: of the adapter's parameters if there is one, else
  ///     of all. Parameters that the loss does not reach have none.
  ///   - generation: adds `greedy_ids`, int64 `[rows, count]`.
  /// - Throws: `FileError` if the inputs do not fit the model.
  public func outputs(
    for inputs: ReferenceInputs, gradients: Bool = false, generation: Generation? = nil
  ) throws -> Outputs {
    func requireLanguage(_ kind: String) throws {
      guard !gradients, generation == nil else {
        throw inputs.failure("gradients and generation need a language model, and this is \(kind)")
      }
    }
    var outputs: Outputs
    switch model {
    case .encoder(let encoder, _):
      try requireLanguage("an image encoder")
      outputs = try encode(encoder, inputs)
    case .dual(let model):
      try requireLanguage("a dual encoder")
      outputs = try embed(model, inputs)
    case .language(let model):
      outputs = try forward(model, inputs, gradients: gradients)
      if let generation {
        outputs.append(("greedy_ids", try greedy(model, inputs, generation)))
      }
    }
    if let adapters {
      let count = adapters.parameters.reduce(0) { $0 + $1.parameter.shape.count }
      outputs.append(("trainable_parameters", StoredTensor(integers: [count], [1])))
    }
    return outputs
  }

  // MARK: Image encoders

  private func encode(_ encoder: any VisionEncoder, _ inputs: ReferenceInputs) throws -> Outputs {
    let pixels = try inputs.images(for: encoder)
    let layers = encoder.layerCount
    var request = EncoderRequest()
    request.hiddenLayers = [layers - 1]
    request.needsPooled = encoder.pools
    request.attentionLayers = Set([layers - 1, layers - 2].filter { $0 >= 0 })
    let output = encoder.encode(
      pixels, request: request, tape: .inference, isTraining: false,
      random: RandomStream(seed: 0))
    let (images, tokens, width) = (pixels.shape[0], output.tokens, encoder.width)
    var outputs: Outputs = []
    if let last = output.lastHiddenState?.value {
      outputs.append(("last_hidden_state", StoredTensor(last.reshaped([images, tokens, width]))))
    }
    if let pooled = output.pooled?.value { outputs.append(("pooler_output", StoredTensor(pooled))) }
    if let hidden = output.hidden[layers - 1]?.value {
      outputs.append(
        ("hidden.penultimate", StoredTensor(hidden.reshaped([images, tokens, width]))))
    }
    for (name, layer) in [("attention.last", layers - 1), ("attention.penultimate", layers - 2)] {
      guard let probabilities = output.attention[layer], let first = probabilities.first else {
        continue
      }
      let all = Kernels.gatherRows(
        probabilities.map { ($0, 0..<$0.rows) }, width: first.width)
      outputs.append((name, StoredTensor(all.reshaped(Shape([images] + first.shape.dimensions)))))
    }
    return outputs
  }

  // MARK: Dual encoders

  private func embed(_ model: DualEncoder, _ inputs: ReferenceInputs) throws -> Outputs {
    let images = try inputs.pixels.map { _ in
      model.imageEmbeddings(try inputs.images(for: model.encoder))
    }
    let texts = try inputs.ids.map { ids in
      let tower = model.tower.configuration
      try inputs.requireKnown(ids, vocabulary: tower.vocabulary)
      guard let length = ids.first?.count, length <= tower.maxPositions else {
        throw inputs.failure(
          "input_ids has \(ids.first?.count ?? 0) tokens a text, and the text tower has "
            + "\(tower.maxPositions) positions")
      }
      return model.textEmbeddings(ids, present: inputs.present)
    }
    guard images != nil || texts != nil else {
      throw inputs.failure("has neither pixel_values nor input_ids")
    }
    var outputs: Outputs = []
    if let images, let texts {
      let logits = model.logits(images: images, texts: texts)
      outputs.append(("logits_per_image", StoredTensor(logits)))
    }
    if let images { outputs.append(("image_embeds", StoredTensor(images))) }
    if let texts { outputs.append(("text_embeds", StoredTensor(texts))) }
    return outputs
  }

  // MARK: Language models

  private func forward(
    _ model: VisionLanguageModel, _ inputs: ReferenceInputs, gradients: Bool
  ) throws -> Outputs {
    let trained = gradients ? trainedParameters : []
    for entry in trained { entry.parameter.isTrainable = true }
    defer { for entry in trained { entry.parameter.isTrainable = false } }
    let tape = Tape(isRecording: gradients)

    let pictures = try imageFeatures(model, inputs, tape)
    let sequences = try inputs.sequences(for: model, pictures, tape)
    var batch = model.pack(sequences, tape: tape)
    // What sees itself both ways is what the inputs call so.
    batch.prefixes = model.promptSeesItself ? inputs.prefixes ?? [] : []
    let embeddings = batch.embeddings.value
    let hidden = model.hiddenStates(batch, tape: tape)
    let logits = model.decoder.logits(hidden, .inference).value
    var outputs: Outputs = [
      ("logits", StoredTensor(inputs.padded(logits))),
      ("hidden.0", StoredTensor(inputs.padded(embeddings))),
      ("hidden.last", StoredTensor(inputs.padded(hidden.value))),
    ]
    if let pictures, let embedded = model.visualEmbeddings(pictures, tape: .inference) {
      outputs.append(("image_features", StoredTensor(embedded.value)))
    }
    if let targets = try inputs.targets(vocabulary: model.decoder.vocabulary) {
      let (loss, _) = model.decoder.crossEntropy(
        tape.selectRows(hidden, targets.map(\.row)), targets: targets.map(\.token),
        weights: Array(repeating: 1 / Float(targets.count), count: targets.count), tape)
      outputs.append(("loss", StoredTensor(loss.value.reshaped([1]))))
      if gradients { tape.backward(from: loss) }
    } else if gradients {
      throw inputs.failure("has no labels, which gradients need")
    }
    for entry in trained {
      guard let gradient = entry.parameter.variable.gradient else { continue }
      outputs.append(("grad." + entry.name, StoredTensor(gradient)))
      entry.parameter.variable.clearGradient()
    }
    return outputs
  }

  private var trainedParameters: [(name: String, parameter: Parameter)] {
    adapters?.parameters ?? model.index.parameters.map { ($0.name, $0) }
  }

  /// The visual tokens of all pictures, in order.
  private func imageFeatures(
    _ model: VisionLanguageModel, _ inputs: ReferenceInputs, _ tape: Tape
  ) throws -> [VisualFeatures]? {
    guard inputs.pixels != nil || inputs.patches != nil else { return nil }
    guard let vision = model.vision else {
      throw inputs.failure("has pixel_values, and the model has no image encoder")
    }
    let pictures = try inputs.pictures(for: vision)
    guard !pictures.isEmpty else { return nil }
    do throws(ConfigurationError) {
      return try model.visualFeatures(
        of: pictures, tape: tape, seeds: Array(repeating: 0, count: pictures.count))
    } catch {
      throw inputs.failure("pixel_values do not fit: \(error.reason)")
    }
  }

  private func greedy(
    _ model: VisionLanguageModel, _ inputs: ReferenceInputs, _ generation: Generation
  ) throws -> StoredTensor {
    guard generation.count > 0,
      inputs.present.allSatisfy({ $0.lowerBound < generation.prompt }),
      inputs.present.allSatisfy({ $0.upperBound >= generation.prompt })
    else {
      throw inputs.failure(
        "cannot generate \(generation.count) tokens after the first \(generation.prompt) inputs; "
          + "rows have \(inputs.ids?.first?.count ?? 0)")
    }
    let tape = Tape.inference
    let prompts = try inputs.sequences(
      for: model, try imageFeatures(model, inputs, tape), upTo: generation.prompt, tape)
    var options = GenerationOptions()
    options.maxTokens = generation.count
    options.stopsAtEnd = false
    let answers = try model.generate(prompts, options)
    return StoredTensor(integers: answers.flatMap { $0 }, [answers.count, generation.count])
  }
}
