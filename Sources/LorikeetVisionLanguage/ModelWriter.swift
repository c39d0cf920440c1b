// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetAutograd
internal import LorikeetCheckpoints
public import LorikeetLayers
internal import LorikeetTensors

/// Writes Hugging Face model directories.
public enum ModelWriter {
  /// The files of a tokenizer and of generation, as far as a directory has them.
  public static let tokenizerFiles = [
    "tokenizer.json", "tokenizer.model", "spiece.model", "added_tokens.json",
    "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
  ]

  /// The files of the image processor, as far as a directory has them.
  public static let processorFiles = ["preprocessor_config.json", "processor_config.json"]

  /// Writes `model.safetensors` with every parameter of a model.
  public static func writeWeights(of index: ModuleIndex, to directory: String) throws {
    try SafetensorsFile.write(
      index.parameters.map { ($0.name, $0.stored) }, to: directory + "/model.safetensors")
  }

  /// Writes a model whose weights have changed: the directory that it came from with other weights.
  public static func write(
    _ index: ModuleIndex, from source: String, to output: String
  ) throws {
    try DirectoryWriter.write(to: output) { staging in
      try writeWeights(of: index, to: staging)
      for name in ["config.json"] + processorFiles + tokenizerFiles {
        guard let data = FileManager.default.contents(atPath: source + "/" + name) else { continue }
        try AtomicFile.write(Array(data), to: staging + "/" + name)
      }
    }
  }
}
