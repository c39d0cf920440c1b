// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet

struct Embed: WorkingCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turns pictures and texts into vectors.",
    discussion: """
      Dual encoders (CLIP, SigLIP) give unit vectors of one space for pictures and texts: the nearer, \
      the better they fit. Image encoders give one vector for each picture. Prints one JSON object a \
      line, with file or text, and embedding; with --output writes image_embeds and text_embeds, a \
      row for each in the order of the arguments.

      Examples:
        lorikeet embed --model clip-vit-base-patch32 --text "a cat" --text "a dog" cat.png
        lorikeet embed --model dinov2-small --output vectors.safetensors *.png
      """)

  @Option(help: "The model: a directory, or a name that was pulled.", completion: .directory)
  var model: String

  @Argument(help: "PNG and JPEG files.", completion: .file(extensions: ["png", "jpg", "jpeg"]))
  var images: [String] = []

  @Option(
    parsing: .unconditionalSingleValue, help: "A text to embed; may be given several times.")
  var text: [String] = []

  @Option(
    help: .init("Write a safetensors file instead of lines.", valueName: "file"),
    completion: .file())
  var output: String?

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  func validate() throws {
    if images.isEmpty, text.isEmpty { throw ValidationError("expected an IMAGE or --text") }
  }

  func work() throws {
    if let output { try OutputFile.requireReplaceable(output, inputs: images) }
    let directory = try ModelSource.directory(model)
    var tensors: [(name: String, tensor: StoredTensor)] = []
    if try ModelDirectory(directory).isDualEncoder() {
      let pipeline = try DualPipeline(model: directory)
      if !text.isEmpty {
        let vectors = try pipeline.textEmbeddings(text)
        tensors.append(("text_embeds", StoredTensor(vectors)))
        for (row, text) in text.enumerated() {
          try line("text", text, vectors.rows(row..<row + 1).values)
        }
      }
      try embed(pipeline.pictures, &tensors)
    } else {
      guard text.isEmpty else {
        throw ConfigurationError(
          path: directory, "is no dual encoder, and only those embed texts")
      }
      let loaded = try ModelDirectory(directory).load()
      try embed(try PictureEmbedder(loaded, directory: directory), &tensors)
    }
    guard let output else { return }
    try SafetensorsFile.write(tensors, to: output)
    note("\(output): \(tensors.map { "\($0.name) \($0.tensor.shape)" }.joined(separator: ", "))")
  }

  private func embed(
    _ embedder: PictureEmbedder, _ tensors: inout [(name: String, tensor: StoredTensor)]
  ) throws {
    guard !images.isEmpty else { return }
    var values: [Float] = []
    var rows = 0
    try PreparedPictures(paths: images) { try embedder.pixels($0, name: $1) }
      .withBatches { _, pictures in
        let vectors = embedder.embeddings(of: pictures.map(\.prepared))
        for (row, picture) in pictures.enumerated() {
          let vector = vectors.rows(row..<row + 1).values
          try line("file", picture.path, vector)
          if output != nil { values += vector }
        }
        rows += pictures.count
      }
    if output != nil {
      let width = values.count / max(rows, 1)
      tensors.append(("image_embeds", StoredTensor(Tensor(values, [rows, width]))))
    }
  }

  private func line(_ key: String, _ name: String, _ vector: [Float]) throws {
    guard output == nil else { return }
    try StandardOutput.line([
      key: .string(name), "embedding": .array(vector.map { .float($0) }),
    ])
  }
}
