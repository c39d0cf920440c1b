// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Lorikeet

struct Classify: WorkingCommand {
  static let configuration = CommandConfiguration(
    abstract: "Chooses a label for each picture, or for a text.",
    discussion: """
      The label whose words the model finds likeliest wins: the score is the mean log probability \
      of its tokens, and the probabilities are the softmax of the scores. Prints FILE: LABEL with \
      its probability, or with --json one object a line with file, label, probability, scores and \
      probabilities. A picture that cannot be read is an error line and exit code 1 at the end.

      A dual encoder (CLIP, SigLIP) needs no training: the label whose sentence is nearest to the \
      picture wins, scores are its logits. Sentences come from --template or --imagenet-templates, \
      their vectors are averaged.

      Examples:
        lorikeet classify --model stamps-vlm --adapter runs/stamps cat.png truck.png
        lorikeet classify --model stamps-vlm --labels animals,food --json cat.png
        lorikeet classify --model stamps-vlm --adapter runs/stamps \\
          --text "A gray cat."
        lorikeet classify --model clip-vit-base-patch32 --labels cat,dog \\
          --template "a photo of a {}." --template "a drawing of a {}." cat.png
      """)

  @OptionGroup(title: "Model options")
  var pipelineOptions: PipelineOptions

  @Argument(
    help: "PNG and JPEG files; may be left out with --text.",
    completion: .file(extensions: ["png", "jpg", "jpeg"]))
  var images: [String] = []

  @Option(
    help: ArgumentHelp(
      "Labels to choose from (default: those that the adapter was trained on).",
      valueName: "a,b,c"))
  var labels: String?

  @Option(parsing: .unconditional, help: "A text that belongs to the pictures.")
  var text: String?

  @Option(help: "What asks for the label (default: as the adapter was trained).")
  var prompt: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: .init(
      "Dual encoders: a sentence with {} in the label's place; may be given several times.",
      valueName: "sentence"))
  var template: [String] = []

  @Flag(help: "Dual encoders: the 80 sentences of CLIP's authors.")
  var imagenetTemplates = false

  @Option(help: "Print this many labels, likeliest first.")
  var top = 1

  @Flag(help: "Print one JSON object a line.")
  var json = false

  @OptionGroup(title: "Model options")
  var prune: PruneOption

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  private var labelList: [String] {
    (labels ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      .filter { !$0.isEmpty }
  }

  func validate() throws {
    if images.isEmpty, text == nil { throw ValidationError("expected an IMAGE or --text") }
    if top < 1 { throw ValidationError("--top is \(top), expected 1 or more") }
    if let wrong = template.first(where: { !$0.contains("{}") }) {
      throw ValidationError("--template \"\(wrong)\" has no {} in the label's place")
    }
    if labels != nil {
      guard labelList.count > 1 else {
        throw ValidationError("--labels needs at least two labels, separated by commas")
      }
      guard Set(labelList).count == labelList.count else {
        throw ValidationError("--labels names a label twice")
      }
    }
  }

  func work() throws {
    let directory = try ModelSource.directory(pipelineOptions.model)
    if try ModelDirectory(directory).isDualEncoder() {
      return try classifyZeroShot(directory)
    }
    guard template.isEmpty, !imagenetTemplates else {
      throw ConfigurationError(path: directory, "is no dual encoder, which --template needs")
    }
    let pipeline = try pipelineOptions.open()
    try prune.apply(to: pipeline)
    let labels = labels == nil ? pipeline.settings.labels : labelList
    guard !labels.isEmpty else {
      throw ConfigurationError(
        path: pipelineOptions.adapters.adapter.first ?? pipelineOptions.model,
        "knows no labels; give --labels")
    }
    guard !images.isEmpty else {
      return try classify(image: nil, path: nil, labels, pipeline)
    }
    try PictureBatches(paths: images, pipeline: pipeline).withBatches { pictures in
      for picture in pictures {
        try classify(image: .features(picture.features), path: picture.path, labels, pipeline)
      }
    }
  }

  private func classify(
    image: PromptImage?, path: String?, _ labels: [String], _ pipeline: Pipeline
  ) throws {
    let hasVision = pipeline.model.vision != nil
    let prompt = try pipeline.processor.prompt(
      image: image ?? (hasVision ? .missing : nil),
      text: text.map { .words($0) } ?? .missing,
      instruction: prompt ?? pipeline.settings.labelPrompt, settings: pipeline.settings)
    let longest = try pipeline.answers(labels).map(\.count).max() ?? 0
    try pipeline.requireRoom(for: prompt, and: longest, name: path ?? "--text")
    guard pipeline.length(of: prompt) > 0 else {
      throw ConfigurationError(path: path ?? "--text", "the prompt is empty")
    }
    let scores = try pipeline.scores(of: labels, after: prompt)
    try print(path, labels, scores, Likelihood.softmax(scores))
  }

  private func classifyZeroShot(_ directory: String) throws {
    guard text == nil, prune.prune == nil, prompt == nil else {
      throw ConfigurationError(
        path: directory, "is a dual encoder; --text, --prompt and --prune are for language models")
    }
    let labels = labelList
    guard !labels.isEmpty else {
      throw ConfigurationError(path: directory, "knows no labels; give --labels")
    }
    let pipeline = try DualPipeline(
      model: directory, adapters: pipelineOptions.adapters.selection())
    var templates = template + (imagenetTemplates ? PromptTemplates.imageNet : [])
    if templates.isEmpty { templates = [pipeline.standardTemplate] }
    let vectors = try pipeline.labelEmbeddings(labels, templates: templates)
    try PreparedPictures(paths: images) {
      try pipeline.pictures.pixels($0, name: $1)
    }.withBatches { _, pictures in
      let rows = pipeline.pictures.embeddings(of: pictures.map(\.prepared))
      let logits = pipeline.model.logits(images: rows, texts: vectors)
      for (row, picture) in pictures.enumerated() {
        let scores = logits.rows(row..<row + 1).values
        try print(picture.path, labels, scores, pipeline.probabilities(scores))
      }
    }
  }

  private func print(
    _ path: String?, _ labels: [String], _ scores: [Float], _ probabilities: [Float]
  ) throws {
    let order = scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }
    guard let best = order.first else { return }
    guard json else {
      let words = order.prefix(top).map {
        "\(labels[$0]) (\(String(format: "%.3f", probabilities[$0])))"
      }
      return try StandardOutput.line(
        (path.map { $0 + ": " } ?? "") + words.joined(separator: ", "))
    }
    func object(_ values: [Float]) -> JSONLine.Value {
      .object(JSONLine(zip(labels, values).map { (key: $0, value: .float($1)) }))
    }
    var line: JSONLine = [
      "file": path.map { .string($0) } ?? .null,
      "label": .string(labels[best]),
      "probability": .float(probabilities[best]),
    ]
    if top > 1 {
      line.append("labels", .array(order.prefix(top).map { .string(labels[$0]) }))
    }
    line.append("scores", object(scores))
    line.append("probabilities", object(probabilities))
    try StandardOutput.line(line)
  }
}
