// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAutograd
import LorikeetCheckpoints
import LorikeetImages
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTextDecoders
import LorikeetTokenPruning
import LorikeetTokenizers
import LorikeetVisionLanguage
import Testing

/// Whole runs, from picture files and words to logits, against transformers' processors and models.
@Suite struct PromptParityTests {
  private struct Case: Decodable {
    struct Prompt: Decodable {
      let images: [String]
      let instruction: String
      let style: PromptStyle
      let system: String?
    }
    let seed: Int
    let prompts: [Prompt]
  }

  static let families = [
    "llava", "llava-next", "llava-next-siglip", "idefics3", "smolvlm", "qwen2-vl", "qwen2.5-vl",
    "paligemma",
  ]

  private func open(_ name: String) throws -> (Pipeline, Case, SafetensorsFile) {
    let directory = Fixtures.path("processors/" + name)
    return (
      try Pipeline(model: directory + "/model"),
      try JSONDecoder().decode(
        Case.self, from: Data(contentsOf: URL(filePath: directory + "/case.json"))),
      try SafetensorsFile(path: directory + "/expected.safetensors")
    )
  }

  /// The prompt, and its token ids as transformers has them, the image token for each visual token.
  private func prompt(
    _ prompt: Case.Prompt, _ seed: Int, _ pipeline: Pipeline
  ) throws -> (sequence: TokenSequence, ids: [Int]) {
    var settings = TaskSettings()
    settings.promptStyle = prompt.style
    let images = try prompt.images.map { name in
      let path = Fixtures.path("images/seed-\(seed)/\(name)")
      return PromptImage.features(try pipeline.features(Image(contentsOf: path), name: path))
    }
    let sequence = try pipeline.processor.prompt(
      images: images, text: nil, instruction: prompt.instruction, settings: settings,
      system: prompt.system)
    let image = try #require(pipeline.model.vision).imageToken
    let ids = sequence.parts.flatMap { part in
      switch part {
      case .tokens(let tokens): tokens
      case .image(let features): Array(repeating: image, count: features.tokens)
      case .standIn: [-1]
      }
    }
    return (sequence, ids)
  }

  @Test(arguments: families.flatMap { ["\($0)/seed-1", "\($0)/seed-2"] })
  func tokensLogitsAndAnswers(name: String) throws {
    let (pipeline, reference, expected) = try open(name)
    #expect(reference.prompts.count >= 2)
    for (index, item) in reference.prompts.enumerated() {
      let (sequence, ids) = try prompt(item, reference.seed, pipeline)
      #expect(ids == expected["\(index).input_ids"]?.integers(), "\(name) \(index)")
      let tape = Tape.inference
      let hidden = pipeline.model.hiddenStates(
        pipeline.model.pack([sequence], tape: tape), tape: tape)
      let wanted = try #require(expected["\(index).logits"]).tensor()
      let rows = hidden.shape.rows - wanted.rows..<hidden.shape.rows
      let logits = pipeline.model.decoder.logits(tape.selectRows(hidden, Array(rows)), tape).value
      expectClose(logits, wanted, tolerance: 1e-4, "\(name) \(index)")
      let answer = try #require(expected["\(index).greedy_ids"]).integers()
      var options = GenerationOptions()
      options.maxTokens = answer.count
      options.stopsAtEnd = false
      #expect(try pipeline.model.generate([sequence], options) == [answer], "\(name) \(index)")
    }
  }

  /// All prompts of a case in one batch give what each gives alone.
  @Test(arguments: ["llava-next/seed-1", "idefics3/seed-2", "qwen2-vl/seed-1"])
  func promptsOfABatch(name: String) throws {
    let (pipeline, reference, expected) = try open(name)
    let sequences = try reference.prompts.map { try prompt($0, reference.seed, pipeline).sequence }
    var options = GenerationOptions()
    options.maxTokens = 6
    options.stopsAtEnd = false
    let answers = try pipeline.model.generate(sequences, options)
    for (index, answer) in answers.enumerated() {
      #expect(answer == expected["\(index).greedy_ids"]?.integers(), "\(name) \(index)")
    }
    // What a classifier computes: the likelihood of an answer after a prompt.
    for (index, sequence) in sequences.enumerated() {
      let answer = answers[index]
      var whole = sequence
      whole.answer = answer
      let batch = pipeline.model.pack([whole], tape: .inference)
      let losses = pipeline.model.loss(batch, tape: .inference).losses
      let mean = -losses.reduce(0, +) / Float(losses.count)
      let score = try pipeline.model.scores(of: [answer, [5, 6]], after: sequence)[0]
      #expect(abs(score - mean) <= 1e-4 * max(1, abs(mean)), "\(name) \(index)")
    }
  }

  @Test func prunedTilesKeepTheirPlaces() throws {
    let (pipeline, reference, _) = try open("idefics3/seed-1")
    let path = Fixtures.path("images/seed-1/wide.png")
    let image = try Image(contentsOf: path)
    let whole = try pipeline.features(image, name: path)
    let tiles = try #require(whole.tiles)
    #expect(tiles.rows * tiles.columns > 1 && tiles.ends.count == tiles.rows * tiles.columns + 1)
    pipeline.pruning = try PruningSpecification("uniform:0.5")
    let pruned = try pipeline.features(image, name: path)
    #expect(pruned.tokens == tiles.ends.count * 2 && whole.tokens == tiles.ends.count * 4)
    #expect(pruned.total == whole.total)
    for index in tiles.ends.indices {
      let (tile, part) = (whole.tile(index), pruned.tile(index))
      for (place, row) in zip(part.positions, part.span) {
        #expect(
          part.features.value.rows(row..<row + 1).values
            == tile.features.value.rows(
              tile.span.lowerBound + place..<tile.span.lowerBound + place + 1
            ).values)
      }
    }
    #expect(pruned.patches == pruned.tile(tiles.ends.count - 1).positions)
    let text = try prompt(reference.prompts[0], 1, pipeline)
    #expect(text.sequence.parts.count { if case .image = $0 { true } else { false } } > 1)
  }

  @Test func rowsOfTilesCannotBePruned() throws {
    let (pipeline, _, _) = try open("llava-next/seed-1")
    pipeline.pruning = try PruningSpecification("uniform:0.5")
    let path = Fixtures.path("images/seed-1/wide.png")
    #expect(throws: ConfigurationError.self) {
      try pipeline.features(Image(contentsOf: path), name: path)
    }
  }

  @Test func aMissingPictureLeavesNoTags() throws {
    for name in ["idefics3/seed-1", "qwen2-vl/seed-1", "llava-next/seed-1"] {
      let (pipeline, _, _) = try open(name)
      var settings = TaskSettings()
      settings.promptStyle = .plain
      let sequence = try pipeline.processor.prompt(
        image: .missing, text: .missing, instruction: "What is this?", settings: settings)
      let standIns = sequence.parts.compactMap { part -> Modality? in
        if case .standIn(let modality) = part { modality } else { nil }
      }
      #expect(standIns == [.missingImage, .missingText])
      let words = sequence.parts.flatMap { part -> [Int] in
        if case .tokens(let tokens) = part { tokens } else { [] }
      }
      #expect(
        try pipeline.processor.tokenizer.decode(words, skipSpecialTokens: false)
          == "\nWhat is this?")
    }
  }

  /// A picture whose tiles are not those of the model's configuration.
  @Test func aProcessorThatDoesNotFitTheModel() throws {
    try withTemporaryDirectory { directory in
      try FileManager.default.copyItem(
        atPath: Fixtures.path("processors/llava-next/seed-1/model"), toPath: directory + "/model")
      for name in ["preprocessor_config.json", "processor_config.json"] {
        try? FileManager.default.removeItem(atPath: directory + "/model/" + name)
      }
      try #"""
      {"image_processor_type": "LlavaNextImageProcessor", "size": {"shortest_edge": 10},
       "crop_size": {"height": 10, "width": 10}, "image_grid_pinpoints": [[10, 20]]}
      """#.write(
        toFile: directory + "/model/preprocessor_config.json", atomically: true, encoding: .utf8)
      let pipeline = try Pipeline(model: directory + "/model")
      let path = Fixtures.path("images/seed-1/wide.png")
      #expect(throws: ConfigurationError.self) {
        try pipeline.features(Image(contentsOf: path), name: path)
      }
    }
  }
}
