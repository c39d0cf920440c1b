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

      Examples:
        lorikeet classify --model stamps-vlm --adapter runs/stamps cat.png truck.png
        lorikeet classify --model stamps-vlm --labels animals,food --json cat.png
        lorikeet classify --model stamps-vlm --adapter runs/stamps \\
          --text "A gray cat."
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
    let pipeline = try pipelineOptions.open()
    try prune.apply(to: pipeline)
    let labels = labels == nil ? pipeline.settings.labels : labelList
    guard !labels.isEmpty else {
      throw ConfigurationError(
        path: pipelineOptions.adapter ?? pipelineOptions.model, "knows no labels; give --labels")
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
    let probabilities = Likelihood.softmax(scores)
    guard let best = scores.indices.max(by: { scores[$0] < scores[$1] }) else { return }
    guard json else {
      let share = String(format: "%.3f", probabilities[best])
      return try StandardOutput.line((path.map { $0 + ": " } ?? "") + "\(labels[best]) (\(share))")
    }
    func object(_ values: [Float]) -> JSONLine.Value {
      .object(JSONLine(zip(labels, values).map { (key: $0, value: .float($1)) }))
    }
    try StandardOutput.line([
      "file": path.map { .string($0) } ?? .null,
      "label": .string(labels[best]),
      "probability": .float(probabilities[best]),
      "scores": object(scores),
      "probabilities": object(probabilities),
    ])
  }
}
