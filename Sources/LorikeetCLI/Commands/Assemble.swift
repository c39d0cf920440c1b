// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet

struct Assemble: WorkingCommand {
  static let configuration = CommandConfiguration(
    abstract: "Joins an image encoder and a text decoder into a vision-language model.",
    discussion: """
      The projector between them is new and must be trained before the model sees anything. The \
      result is a LLaVA directory that transformers opens too.

      Examples:
        lorikeet assemble --encoder dinov2-small --decoder smollm2-135m-instruct \\
          --projector mlp --output stamps-vlm
      """)

  @Option(help: "The image encoder: a directory or a pulled name.", completion: .directory)
  var encoder: String

  @Option(help: "The text decoder: a directory or a pulled name.", completion: .directory)
  var decoder: String

  @Option(help: "The projector: mlp or linear.")
  var projector = ProjectorKind.mlp

  @Option(
    parsing: .unconditionalSingleValue,
    help: """
      The hidden state that is projected: 0 the embeddings, -1 the last block's output (default: \
      -1). Given several times, the features of several are joined.
      """)
  var featureLayer: [Int] = []

  @Option(
    help: """
      default for all tokens but the first, which is the class token, full for all (default: full \
      for encoders without a class token).
      """)
  var select: FeatureSelection?

  @Option(help: "What the projector is drawn with.")
  var seed: UInt64 = 0

  @Option(help: "The directory to write; it must not exist or be empty.", completion: .directory)
  var output: String

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  func work() throws {
    var assembly = Assembly(
      encoder: try ModelSource.directory(encoder), decoder: try ModelSource.directory(decoder))
    assembly.projector = projector
    if !featureLayer.isEmpty { assembly.featureLayers = featureLayer }
    assembly.selection = select
    assembly.seed = seed
    try assembly.write(to: output)
    let model = try ModelDirectory(output).loadLanguageModel()
    let parameters = model.index.parameters.reduce(0) { $0 + $1.shape.count }
    note("\(output): \(parameters) parameters")
  }
}
