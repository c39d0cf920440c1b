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

  /// Writes `model.safetensors` with every parameter of a model. Quantised ones become float32.
  public static func writeWeights(of index: ModuleIndex, to directory: String) throws {
    let tensors = index.parameters.map { parameter in
      let stored = parameter.stored
      let dtype = isQuantised(parameter) ? .float32 : stored.dtype
      return PendingTensor(name: parameter.name, dtype: dtype, shape: stored.shape) {
        stored.dtype == dtype ? stored : stored.converted(to: dtype)
      }
    }
    try SafetensorsFile.write([tensors], maxShardSize: .max, to: directory)
  }

  /// Writes a model whose weights have changed: the directory that it came from with other weights.
  ///
  /// - Parameter fill: writes more files into the directory.
  public static func write(
    _ index: ModuleIndex, from source: String, to output: String,
    with fill: (String) throws -> Void = { _ in }
  ) throws {
    try DirectoryWriter.write(to: output) { staging in
      try writeWeights(of: index, to: staging)
      for name in ["config.json"] + processorFiles + tokenizerFiles {
        guard let data = FileManager.default.contents(atPath: source + "/" + name) else { continue }
        try AtomicFile.write(Array(data), to: staging + "/" + name)
      }
      if index.parameters.contains(where: isQuantised) {
        let whole = try JSONFile.value(from: source + "/config.json")
        try AtomicFile.write(configuration(whole, of: index).text, to: staging + "/config.json")
      }
      try fill(staging)
    }
  }

  private static func isQuantised(_ parameter: Parameter) -> Bool {
    parameter.stored.dtype.blockElements > 1
  }

  /// A model's configuration beside the weights that `writeWeights` writes: none are quantised.
  static func configuration(_ configuration: JSONValue, of index: ModuleIndex) -> JSONValue {
    index.parameters.contains(where: isQuantised)
      ? ModelConversion.describing(configuration, .float32, skipped: []) : configuration
  }
}
