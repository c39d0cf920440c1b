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
    var outputs: Outputs
    switch model {
    case .encoder(let encoder, _):
      guard !gradients, generation == nil else {
        throw FileError(
          path: inputs.path,
          reason: "gradients and generation need a language model, and this is an image encoder")
      }
      outputs = try encode(encoder, inputs)
    case .dual(let model):
      guard !gradients, generation == nil else {
        throw FileError(
          path: inputs.path,
          reason: "gradients and generation need a language model, and this is a dual encoder")
      }
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
    let pixels = try pictures(inputs, for: encoder)
    let layers = encoder.layerCount
    var request = EncoderRequest()
    request.hiddenLayers = [layers - 1]
    request.needsPooled = encoder.pools
    request.attentionLayers = [layers - 1, layers - 2].filter { $0 >= 0 }.reduce(into: []) {
      $0.insert($1)
    }
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
      model.imageEmbeddings(try pictures(inputs, for: model.encoder))
    }
    let texts = try inputs.ids.map { ids in
      let tower = model.tower.configuration
      try requireKnown(ids, vocabulary: tower.vocabulary, path: inputs.path)
      guard let length = ids.first?.count, length <= tower.maxPositions else {
        throw FileError(
          path: inputs.path,
          reason: "input_ids has \(ids.first?.count ?? 0) tokens a text, and the text tower has "
            + "\(tower.maxPositions) positions")
      }
      return model.textEmbeddings(ids, present: inputs.present)
    }
    guard images != nil || texts != nil else {
      throw FileError(path: inputs.path, reason: "has neither pixel_values nor input_ids")
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

  private func requireKnown(_ ids: [[Int]], vocabulary: Int, path: String) throws {
    guard let wrong = ids.joined().first(where: { $0 < 0 || $0 >= vocabulary }) else { return }
    throw FileError(
      path: path,
      reason: "input_ids has \(wrong), outside of the vocabulary of \(vocabulary) tokens")
  }

  private func pictures(
    _ inputs: ReferenceInputs, for encoder: any VisionEncoder
  ) throws -> Tensor {
    guard let pixels = inputs.pixels else {
      throw FileError(
        path: inputs.path, reason: "has no pixel_values, which an image encoder needs")
    }
    guard pixels.shape[2] >= encoder.patchSize, pixels.shape[3] >= encoder.patchSize else {
      throw FileError(
        path: inputs.path,
        reason: "pixel_values \(pixels.shape) are smaller than a patch of the encoder, "
          + "\(encoder.patchSize) x \(encoder.patchSize)")
    }
    return pixels
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
    let sequences = try sequences(model, inputs, pictures, upTo: nil, tape)
    var batch = model.pack(sequences, tape: tape)
    // What sees itself both ways is what the inputs call so.
    batch.prefixes = model.promptSeesItself ? inputs.prefixes ?? [] : []
    let embeddings = batch.embeddings.value
    let hidden = model.hiddenStates(batch, tape: tape)
    let logits = model.decoder.logits(hidden, .inference).value
    var outputs: Outputs = [
      ("logits", StoredTensor(padded(logits, inputs))),
      ("hidden.0", StoredTensor(padded(embeddings, inputs))),
      ("hidden.last", StoredTensor(padded(hidden.value, inputs))),
    ]
    if let pictures, let embedded = model.visualEmbeddings(pictures, tape: .inference) {
      outputs.append(("image_features", StoredTensor(embedded.value)))
    }
    if let targets = try targets(model, inputs) {
      let (loss, _) = model.decoder.crossEntropy(
        tape.selectRows(hidden, targets.map(\.row)), targets: targets.map(\.token),
        weights: Array(repeating: 1 / Float(targets.count), count: targets.count), tape)
      outputs.append(("loss", StoredTensor(loss.value.reshaped([1]))))
      if gradients { tape.backward(from: loss) }
    } else if gradients {
      throw FileError(path: inputs.path, reason: "has no labels, which gradients need")
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
      throw FileError(
        path: inputs.path, reason: "has pixel_values, and the model has no image encoder")
    }
    let pictures = try picturePixels(inputs, vision)
    guard !pictures.isEmpty else { return nil }
    do throws(ConfigurationError) {
      return try model.visualFeatures(
        of: pictures, tape: tape, seeds: Array(repeating: 0, count: pictures.count))
    } catch {
      throw FileError(path: inputs.path, reason: "pixel_values do not fit: \(error.reason)")
    }
  }

  /// The pictures as the model takes them.
  private func picturePixels(
    _ inputs: ReferenceInputs, _ vision: VisionLanguageModel.Vision
  ) throws -> [PicturePixels] {
    if let patches = inputs.patches { return try flattened(patches, inputs, vision) }
    let pixels = try pictures(inputs, for: vision.encoder)
    let patch = vision.encoder.patchSize * vision.squareSide
    guard pixels.shape[2] >= patch, pixels.shape[3] >= patch else {
      throw FileError(
        path: inputs.path,
        reason: "pixel_values \(pixels.shape) are smaller than \(patch) x \(patch), what one token "
          + "stands for")
    }
    guard case .anyResolution(let grids) = vision.arrangement else {
      // Pictures that fill up a batch are zero throughout.
      let size = pixels.count / pixels.shape[0]
      let fills = (inputs.tilesPerPicture ?? 1) > 1
      let real = (0..<pixels.shape[0]).filter { picture in
        !fills
          || pixels.withValues { values in
            values[picture * size..<(picture + 1) * size].contains { $0 != 0 }
          }
      }
      return real.map {
        PicturePixels(
          tiles: chosen([$0], of: pixels), height: pixels.shape[2], width: pixels.shape[3])
      }
    }
    guard let tiles = inputs.tilesPerPicture, let sizes = inputs.imageSizes,
      sizes.count * tiles == pixels.shape[0], pixels.shape[2] == vision.encoder.imageSize,
      pixels.shape[3] == vision.encoder.imageSize
    else {
      throw FileError(
        path: inputs.path,
        reason: "expected pixel_values [pictures, tiles, 3, \(vision.encoder.imageSize), "
          + "\(vision.encoder.imageSize)] and image_sizes [pictures, 2]")
    }
    return try sizes.enumerated().map { index, size in
      let grid = grids.grid(height: size[0], width: size[1], tile: vision.encoder.imageSize)
      let count = grid.rows * grid.columns + 1
      guard count <= tiles else {
        throw FileError(
          path: inputs.path,
          reason: "a picture of \(size[0]) x \(size[1]) has \(count) tiles, pixel_values \(tiles)")
      }
      let first = index * tiles
      return PicturePixels(
        tiles: chosen(Array(first..<first + count), of: pixels), height: size[0], width: size[1],
        grid: grid)
    }
  }

  /// Pictures that are given as rows of patches.
  private func flattened(
    _ patches: Tensor, _ inputs: ReferenceInputs, _ vision: VisionLanguageModel.Vision
  ) throws -> [PicturePixels] {
    let (size, side) = (vision.encoder.patchSize, vision.squareSide)
    let frames = patches.width / (3 * size * size)
    let layout = FlattenedPatches(patchSize: size, mergeSize: side, frames: max(frames, 1))
    let grids = inputs.patchGrids ?? []
    guard layout.width == patches.width, frames == vision.encoder.frames,
      grids.reduce(0, { $0 + $1[1] * $1[2] }) == patches.rows,
      grids.allSatisfy({ $0[0] == 1 && $0[1].isMultiple(of: side) && $0[2].isMultiple(of: side) })
    else {
      throw FileError(
        path: inputs.path,
        reason: "pixel_values \(patches.shape) are not the patches of image_grid_thw \(grids): "
          + "expected \(3 * vision.encoder.frames * size * size) values a patch, one frame, rows and "
          + "columns that are multiples of \(side)")
    }
    var start = 0
    return grids.map { grid in
      defer { start += grid[1] * grid[2] }
      let rows = patches.rows(start..<start + grid[1] * grid[2])
      return PicturePixels(
        tiles: layout.picture(rows, grid: (grid[1], grid[2])), height: grid[1] * size,
        width: grid[2] * size)
    }
  }

  /// Some of `[images, 3, height, width]`.
  private func chosen(_ indices: [Int], of pixels: Tensor) -> Tensor {
    let size = pixels.count / pixels.shape[0]
    let flat = pixels.reshaped([pixels.shape[0], size])
    return Kernels.gatherRows(indices.map { (flat, $0..<$0 + 1) }, width: size).reshaped(
      Shape([indices.count] + pixels.shape.dimensions.dropFirst()))
  }

  /// The rows of `input_ids` without padding, image tokens replaced by features in reading order.
  ///
  /// - Parameter limit: how many inputs of each row to take, nil for all.
  private func sequences(
    _ model: VisionLanguageModel, _ inputs: ReferenceInputs, _ pictures: [VisualFeatures]?,
    upTo limit: Int?, _ tape: Tape
  ) throws -> [TokenSequence] {
    guard let ids = inputs.ids else {
      throw FileError(path: inputs.path, reason: "has no input_ids, which a language model needs")
    }
    let image = pictures == nil ? nil : model.vision?.imageToken
    let placeholders = zip(ids, inputs.present).reduce(0) { count, row in
      count + row.0[row.1].count { $0 == image }
    }
    var waiting = (pictures ?? [])[...]
    let tokens = waiting.reduce(0) { $0 + $1.tokens }
    if pictures != nil, placeholders != tokens {
      throw FileError(
        path: inputs.path,
        reason: "image features and image tokens do not match: \(placeholders) placeholders, "
          + "\(tokens) features")
    }
    return try zip(ids, inputs.present).map { ids, present in
      var sequence = TokenSequence(parts: [])
      var place = present.lowerBound
      while place < present.upperBound {
        let isImage = ids[place] == image
        let end =
          ids[place..<present.upperBound].firstIndex { ($0 == image) != isImage }
          ?? present.upperBound
        let cut = min(end, limit ?? end)
        if isImage, pictures != nil {
          guard cut == end || cut <= place else {
            throw FileError(
              path: inputs.path, reason: "the first \(cut) inputs end inside of an image")
          }
          let parts = try take(end - place, from: &waiting, inputs, tape)
          if cut > place { sequence.parts += parts.map { .image($0) } }
        } else if cut > place {
          let words = Array(ids[place..<cut])
          try requireKnown([words], vocabulary: model.decoder.vocabulary, path: inputs.path)
          sequence.parts.append(.tokens(words))
        }
        place = end
      }
      return sequence
    }
  }

  /// Pictures of so many tokens together; the last one is cut if it has more.
  private func take(
    _ count: Int, from waiting: inout ArraySlice<VisualFeatures>, _ inputs: ReferenceInputs,
    _ tape: Tape
  ) throws -> [VisualFeatures] {
    var taken: [VisualFeatures] = []
    var left = count
    while left > 0, let next = waiting.popFirst() {
      if next.tokens > left {
        guard next.newlines.isEmpty else {
          throw FileError(path: inputs.path, reason: "image tokens end inside of a picture")
        }
        taken.append(next.rows(0..<left, tape))
        waiting.insert(next.rows(left..<next.tokens, tape), at: waiting.startIndex)
        left = 0
      } else {
        taken.append(next)
        left -= next.tokens
      }
    }
    return taken
  }

  /// The packed rows that predict a label, with the label.
  private func targets(
    _ model: VisionLanguageModel, _ inputs: ReferenceInputs
  ) throws -> [(row: Int, token: Int)]? {
    guard let labels = inputs.labels else { return nil }
    var targets: [(row: Int, token: Int)] = []
    var start = 0
    for (labels, present) in zip(labels, inputs.present) {
      for place in labels.indices.dropFirst() where labels[place] != ReferenceInputs.ignoredLabel {
        guard labels[place] >= 0, labels[place] < model.decoder.vocabulary else {
          throw FileError(
            path: inputs.path,
            reason: "labels has \(labels[place]), outside of the vocabulary of "
              + "\(model.decoder.vocabulary) tokens")
        }
        guard present.contains(place - 1) else {
          throw FileError(
            path: inputs.path, reason: "labels has \(labels[place]) after a padding token")
        }
        targets.append((start + place - 1 - present.lowerBound, labels[place]))
      }
      start += present.count
    }
    guard !targets.isEmpty else {
      throw FileError(path: inputs.path, reason: "labels has nothing to predict, all are -100")
    }
    return targets
  }

  /// Packed rows `[rows without padding, width]` as `[rows, tokens, width]`, zero at padding.
  private func padded(_ packed: Tensor, _ inputs: ReferenceInputs) -> Tensor {
    let tokens = inputs.ids?.first?.count ?? 0
    let shape: Shape = [inputs.present.count, tokens, packed.width]
    if packed.count == shape.count { return packed.reshaped(shape) }
    let zeros = Tensor(repeating: 0, [tokens, packed.width])
    var start = 0
    let pieces = inputs.present.flatMap { present in
      defer { start += present.count }
      return [
        (zeros, 0..<present.lowerBound), (packed, start..<start + present.count),
        (zeros, 0..<tokens - present.upperBound),
      ]
    }
    return Kernels.gatherRows(pieces, width: packed.width).reshaped(shape)
  }

  private func greedy(
    _ model: VisionLanguageModel, _ inputs: ReferenceInputs, _ generation: Generation
  ) throws -> StoredTensor {
    guard generation.count > 0,
      inputs.present.allSatisfy({ $0.lowerBound < generation.prompt }),
      inputs.present.allSatisfy({ $0.upperBound >= generation.prompt })
    else {
      throw FileError(
        path: inputs.path,
        reason: "cannot generate \(generation.count) tokens after the first \(generation.prompt) "
          + "inputs; rows have \(inputs.ids?.first?.count ?? 0)")
    }
    let tape = Tape.inference
    let prompts = try sequences(
      model, inputs, try imageFeatures(model, inputs, tape), upTo: generation.prompt, tape)
    var options = GenerationOptions()
    options.maxTokens = generation.count
    options.stopsAtEnd = false
    let answers = model.generate(prompts, options)
    return StoredTensor(integers: answers.flatMap { $0 }, [answers.count, generation.count])
  }
}

extension VisualFeatures {
  /// Some rows, as a picture of their own.
  fileprivate func rows(_ range: Range<Int>, _ tape: Tape) -> VisualFeatures {
    VisualFeatures(
      features: tape.joinRows([(features, range)], width: features.shape.width),
      positions: Array(0..<range.count), total: range.count, grid: (1, range.count))
  }
}
