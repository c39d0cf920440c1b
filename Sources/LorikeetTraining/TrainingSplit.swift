// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
internal import LorikeetDatasets
internal import LorikeetImages
internal import LorikeetTensors
internal import LorikeetTokenizers
internal import LorikeetVisionLanguage

/// A split of a data set as a run uses it: its pictures, and the examples that are drawn from it.
struct TrainingSplit {
  let name: String
  let samples: [Sample]
  /// Versions of each picture.
  let views: Int
  let pictures: PictureSource
  let examples: ExampleSource
  private let pipeline: Pipeline
  /// Whether a picture that cannot be read ends the run.
  private let isStrict: Bool

  /// - Parameter cache: keeps encoded features on disk instead of in memory.
  /// - Returns: nil if the split has no samples.
  init?(
    _ name: String, of data: Dataset, views: Int, _ recipe: TrainingRecipe, _ pipeline: Pipeline,
    cache: FeatureCache?
  ) {
    samples = data.split(name).samples
    guard !samples.isEmpty else { return nil }
    self.name = name
    self.views = views
    self.pipeline = pipeline
    isStrict = recipe.strict
    pictures = PictureSource(samples, pipeline, views: views, seed: recipe.seed, cache: cache)
    examples = ExampleSource(samples, recipe, pipeline)
  }

  /// Versions of all pictures together.
  var viewCount: Int { views * samples.count { $0.imagePath != nil } }

  /// The samples that examples can be drawn from.
  var usable: [Int] {
    let unreadable = Set(pictures.failures.map(\.sample))
    return samples.indices.filter { examples.isUsable($0) && !unreadable.contains($0) }
  }

  /// Encodes the pictures, once for all steps.
  func encode(_ output: ProgressBar.Output, report: (String) -> Void) throws {
    let bar = ProgressBar(label: "encode \(name)", total: viewCount, output: output)
    try pictures.encodeAll(strict: isStrict) { bar.update(done: $0) }
    bar.finish()
    for warning in pictures.takeWarnings() { report(warning) }
    if !pictures.failures.isEmpty {
      report("warning: \(pictures.failures.count) of \(samples.count) pictures skipped")
    }
  }

  /// The sequences of some examples, but for those whose picture cannot be read; pictures come from
  /// the cache or through the encoder.
  func sequences(
    _ chosen: [TrainingExample], tape: Tape, isTraining: Bool, _ random: inout RandomStream
  ) throws -> [TokenSequence] {
    var features: [VisualFeatures?] = chosen.map { example in
      example.hasImage ? pictures.features(sample: example.sample, view: example.view) : nil
    }
    let rest = chosen.indices.filter { chosen[$0].hasImage && features[$0] == nil }
    var unreadable: Set<Int> = []
    if !rest.isEmpty, pipeline.model.vision != nil {
      var read: [(index: Int, pixels: PicturePixels)] = []
      for index in rest {
        let example = chosen[index]
        if let pixels = try pictures.read(example.sample, view: example.view, strict: isStrict) {
          read.append((index, pixels))
        } else {
          unreadable.insert(index)
        }
      }
      let seed = random.next()
      let encoded = try pipeline.model.visualFeatures(
        of: read.map(\.pixels), pruning: pipeline.pruning, tape: tape, isTraining: isTraining,
        seeds: read.indices.map { seed &+ UInt64($0) }, together: read.count)
      for (item, result) in zip(read, encoded) { features[item.index] = result }
    }
    return try chosen.indices.filter { !unreadable.contains($0) }.map { index in
      try examples.sequence(chosen[index], features: features[index])
    }
  }

  /// The prompt and the answer of an example of a sample, in words.
  func preview(_ sample: Int, _ random: inout RandomStream) throws -> String {
    let example = examples.draw(sample, &random)
    let features = example.hasImage ? pictures.features(sample: sample, view: 0) : nil
    let sequence = try examples.sequence(example, features: features)
    func words(_ tokens: [Int]) -> String {
      (try? pipeline.processor.tokenizer.decode(tokens, skipSpecialTokens: false)) ?? ""
    }
    let prompt = sequence.parts.map { part in
      switch part {
      case .tokens(let tokens): words(tokens)
      case .image(let features): "[\(features.tokens) visual tokens]"
      case .standIn(let modality): "[\(modality)]"
      }
    }
    return "\(prompt.joined().debugDescription) -> \(words(sequence.answer).debugDescription)"
  }
}
