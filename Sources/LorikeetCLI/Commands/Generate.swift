// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet

struct Generate: WorkingCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answers a prompt, with or without pictures.",
    discussion: """
      The answer appears word by word. Pictures come before the prompt, in order. The prompt is \
      laid out by the model's chat template if it has one, else, and with an adapter that was \
      trained so, as it is.

      Examples:
        lorikeet generate --model smollm2-135m-instruct \\
          --prompt "What is the capital of France?"
        lorikeet generate --model smollm2-135m-instruct --temperature 0.8 \\
          --system "You are a poet." --prompt "Write about a lorikeet."
        lorikeet generate --model stamps-vlm --prompt "What is this?" cat.png
      """)

  @OptionGroup(title: "Model options")
  var pipelineOptions: PipelineOptions

  @Argument(
    help: "PNG and JPEG files, for models that see.",
    completion: .file(extensions: ["png", "jpg", "jpeg"]))
  var images: [String] = []

  @Option(parsing: .unconditional, help: "The prompt.")
  var prompt: String

  @Option(parsing: .unconditional, help: "What a chat's system turn says.")
  var system: String?

  @Option(help: "How the prompt is laid out: chat or plain.")
  var style: PromptStyle?

  @OptionGroup(title: "Model options")
  var prune: PruneOption

  @OptionGroup(title: "Sampling options")
  var sampling: SamplingOptions

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  func work() throws {
    let pipeline = try pipelineOptions.open()
    try prune.apply(to: pipeline)
    if let style {
      pipeline.settings.promptStyle = style
    } else if pipelineOptions.adapters.adapter.isEmpty {
      let hasTemplate = pipeline.processor.tokenizer.chatTemplate != nil
      pipeline.settings.promptStyle = hasTemplate ? .chat : .plain
    }
    if system != nil, pipeline.settings.promptStyle == .plain {
      throw ConfigurationError(
        path: pipelineOptions.model, "--system needs a prompt laid out by a chat template")
    }
    let pictures = try images.enumerated().map { index, path in
      try pipeline.features(
        Image(contentsOf: path), name: path, random: RandomStream(seed: UInt64(index)))
    }
    let sequence = try pipeline.processor.prompt(
      images: pictures.map { .features($0) }, text: nil, instruction: prompt,
      settings: pipeline.settings, system: system)
    guard pipeline.length(of: sequence) > 0 else {
      throw ConfigurationError(path: "--prompt", "the prompt is empty")
    }
    try pipeline.requireRoom(for: sequence, and: 1, name: "--prompt")
    var options = sampling.options
    options.maxTokens = min(options.maxTokens, pipeline.room(for: sequence))

    var decoder = StreamingDecoder(pipeline.processor.tokenizer)
    var written: Result<Void, any Error> = .success(())
    func write(_ text: String) {
      guard !text.isEmpty, case .success = written else { return }
      written = Result { try StandardOutput.write(text) }
    }
    _ = try pipeline.model.generate(
      [sequence], options, missing: pipeline.missing,
      positions: pipeline.settings.prunedPositions
    ) { _, token in
      write(decoder.append(token))
    }
    write(decoder.finish() + "\n")
    try written.get()
  }
}
