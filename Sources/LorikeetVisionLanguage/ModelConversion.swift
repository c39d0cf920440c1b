// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetAutograd
internal import LorikeetCheckpoints
internal import LorikeetLayers
internal import LorikeetTensors
internal import LorikeetTextDecoders

/// Writes models with their weights in another type.
public enum ModelConversion {
  /// Writes a Hugging Face directory.
  ///
  /// With `float32`, `bfloat16` and `float16` every weight is of that type. With `nf4` the linear layers
  /// of encoder and decoder are, as bitsandbytes stores them; embeddings become bfloat16, and the
  /// rest stays as it is.
  ///
  /// - Parameter maxShardSize: bytes that a file of weights may have; more go to several.
  /// - Throws: `ConfigurationError` for a type that safetensors does not have; errors of the files.
  public static func writeDirectory(
    model source: String, type: BaseType, to output: String, maxShardSize: Int
  ) throws {
    guard [.float32, .bfloat16, .float16, .normalFloat4].contains(type) else {
      throw ConfigurationError(
        path: output, "\(type.rawValue) stands in GGUF files only: end the output with .gguf")
    }
    let model = try ModelDirectory(source).load()
    let configuration = try JSONFile.value(from: source + "/config.json")
    var decoder: VisionLanguageModel?
    if case .language(let language) = model { decoder = language }
    let linears = Set(
      model.index.linears.filter { decoder?.part(of: $0.name) != .projector }
        .filter { $0.weight.stored.canConvert(to: .nf4) }.map(\.weight.name))
    let embeddings = Set([decoder?.decoder.embeddings.name, decoder?.decoder.head.weight.name])
    var groups: [[PendingTensor]] = []
    for parameter in model.index.parameters {
      let stored = parameter.stored
      if type == .normalFloat4, linears.contains(parameter.name) {
        groups.append(SafetensorsFile.pendingNormalFloat4(parameter.name, stored))
        continue
      }
      let isEmbedding = embeddings.contains(parameter.name)
      let dtype =
        type != .normalFloat4 ? type.dtype : isEmbedding ? type.embeddingType : stored.dtype
      // What was quantised and stays so has no type of its own in the file.
      let kept = dtype == .nf4 ? .float32 : dtype
      groups.append([
        PendingTensor(name: parameter.name, dtype: kept, shape: stored.shape) {
          stored.converted(to: kept)
        }
      ])
    }
    try DirectoryWriter.write(to: output) { staging in
      try SafetensorsFile.write(groups, maxShardSize: maxShardSize, to: staging)
      let skipped = model.index.linears.filter { !linears.contains($0.weight.name) }.map(\.name)
      try AtomicFile.write(
        describing(configuration, type, skipped: skipped).text, to: staging + "/config.json")
      for name in ModelWriter.processorFiles + ModelWriter.tokenizerFiles {
        guard let data = FileManager.default.contents(atPath: source + "/" + name) else { continue }
        try AtomicFile.write(Array(data), to: staging + "/" + name)
      }
    }
  }

  /// A configuration that says in which type the weights are.
  static func describing(
    _ configuration: JSONValue, _ type: BaseType, skipped: [String]
  ) -> JSONValue {
    guard case .object(let members) = configuration else { return configuration }
    let name = type == .normalFloat4 ? "bfloat16" : type.rawValue
    var result = members.filter {
      !["dtype", "torch_dtype", "quantization_config"].contains($0.0)
    }
    .map { key, value in
      // The configurations of the parts of a vision-language model.
      key.hasSuffix("_config") && value["model_type"] != nil
        ? (key, describing(value, type == .normalFloat4 ? .bfloat16 : type, skipped: []))
        : (key, value)
    }
    result.append(("dtype", .string(name)))
    if type == .normalFloat4 {
      result.append(
        (
          "quantization_config",
          [
            "_load_in_4bit": true, "_load_in_8bit": false, "bnb_4bit_compute_dtype": "bfloat16",
            "bnb_4bit_quant_storage": "uint8", "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": true, "llm_int8_enable_fp32_cpu_offload": false,
            "llm_int8_has_fp16_weight": false,
            "llm_int8_skip_modules": .array((["lm_head"] + skipped).map(JSONValue.string)),
            "llm_int8_threshold": 6.0, "load_in_4bit": true, "load_in_8bit": false,
            "quant_method": "bitsandbytes",
          ]
        ))
    }
    return .object(result.sorted { $0.0 < $1.0 })
  }
}
