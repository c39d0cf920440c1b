// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet

struct Caption: WorkingCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes a caption for each picture.",
    discussion: """
      Prints FILE: CAPTION, or with --json one object a line with file, caption and tokens. A \
      picture that cannot be read is an error line; the others are captioned all the same, and the \
      exit code is 1.

      Examples:
        lorikeet caption --model stamps-vlm --adapter runs/stamps cat.png dog.jpg
        lorikeet caption --model stamps-vlm --adapter runs/stamps --json \\
          --prune fopru-rank:0.25 *.png
      """)

  @OptionGroup(title: "Model options")
  var pipelineOptions: PipelineOptions

  @Argument(help: "PNG and JPEG files.", completion: .file(extensions: ["png", "jpg", "jpeg"]))
  var images: [String]

  @Option(help: "What asks for the caption (default: as the adapter was trained).")
  var prompt: String?

  @Flag(help: "Print one JSON object a line.")
  var json = false

  @OptionGroup(title: "Model options")
  var prune: PruneOption

  @OptionGroup(title: "Sampling options")
  var sampling: SamplingOptions

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  func work() throws {
    let pipeline = try pipelineOptions.open()
    try prune.apply(to: pipeline)
    let instruction = prompt ?? pipeline.settings.captionPrompt
    try PictureBatches(paths: images, pipeline: pipeline).withBatches { pictures in
      var options = sampling.options
      let prompts = try pictures.map { picture in
        let prompt = try pipeline.processor.prompt(
          image: .features(picture.features), text: nil, instruction: instruction,
          settings: pipeline.settings)
        try pipeline.requireRoom(for: prompt, and: 1, name: picture.path)
        options.maxTokens = min(options.maxTokens, pipeline.room(for: prompt))
        return prompt
      }
      let answers = try pipeline.model.generate(
        prompts, options, missing: pipeline.missing,
        positions: pipeline.settings.prunedPositions)
      for (picture, tokens) in zip(pictures, answers) {
        let caption = pipeline.processor.words(tokens)
        if json {
          try StandardOutput.line([
            "file": .string(picture.path), "caption": .string(caption),
            "tokens": .int(tokens.count),
          ])
        } else {
          try StandardOutput.line("\(picture.path): \(caption.onOneLine)")
        }
      }
    }
  }
}

extension String {
  /// The text with line breaks as spaces.
  var onOneLine: String { split(whereSeparator: \.isNewline).joined(separator: " ") }
}
