// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet

struct DebugForward: WorkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "forward",
    abstract: "Runs a model on the tensors of a file and writes what it computes.",
    discussion: """
      The inputs are input_ids, labels, attention_mask and pixel_values, under the names and in the \
      shapes of transformers. The outputs are, by kind of model:
        decoders:         logits, loss, hidden.0, hidden.last
        vision-language:  the same and image_features
        image encoders:   last_hidden_state, pooler_output, hidden.penultimate,
                          attention.penultimate, attention.last
        dual encoders:    logits_per_image, image_embeds, text_embeds
        with an adapter:  trainable_parameters, too

      Examples:
        lorikeet debug forward --model smollm2 --inputs in.safetensors \\
          --outputs out.safetensors
        lorikeet debug forward --model llava --adapter lora \\
          --inputs in.safetensors --outputs out.safetensors \\
          --gradients --generate 8 --from 21
      """)

  @Option(
    help: .init("The model's directory, or its name.", valueName: "dir"), completion: .directory)
  var model: String

  @OptionGroup
  var adapters: AdapterOptions

  @Option(
    help: .init("The safetensors file with the inputs.", valueName: "file"), completion: .file())
  var inputs: String

  @Option(help: .init("The safetensors file to write.", valueName: "file"), completion: .file())
  var outputs: String

  @Flag(
    help: """
      Add grad.NAME, the gradients of the loss: of the adapter's parameters under PEFT's names if \
      there is an adapter, else of all under the checkpoint's names.
      """)
  var gradients = false

  @Option(
    help: .init("Add greedy_ids, n tokens after the first --from inputs.", valueName: "n"))
  var generate: Int?

  @Option(help: .init("How many inputs --generate starts from.", valueName: "k"))
  var from: Int?

  @OptionGroup
  var common: CommonOptions

  func validate() throws {
    guard (generate == nil) == (from == nil) else {
      throw ValidationError("--generate and --from are used together")
    }
    for (name, value) in [("--generate", generate), ("--from", from)] {
      if let value, value < 1 { throw ValidationError("\(name) is \(value), expected 1 or more") }
    }
  }

  func work() throws {
    try OutputFile.requireReplaceable(outputs, inputs: [inputs])
    let inputs = try ReferenceInputs(path: inputs)
    let forward = try ReferenceForward(
      model: try ModelSource.directory(model), adapters: adapters.selection())
    var generation: ReferenceForward.Generation?
    if let generate, let from { generation = .init(count: generate, prompt: from) }
    let results = try forward.outputs(for: inputs, gradients: gradients, generation: generation)
    try SafetensorsFile.write(results, to: outputs)
    let names = results.map(\.name).filter { !$0.hasPrefix("grad.") }
    let gradientCount = results.count - names.count
    note(
      "\(outputs): \(names.joined(separator: ", "))"
        + (gradientCount > 0 ? " and \(gradientCount) gradients" : ""))
  }
}
