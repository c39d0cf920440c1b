// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetAdapters
internal import LorikeetCheckpoints
internal import LorikeetLayers
internal import LorikeetTensors
internal import LorikeetTextDecoders

/// The formats that adapters are written in.
public enum AdapterFormat: String, Sendable, CaseIterable {
  case peft
  case mlx
  case gguf
}

extension ModelConversion {
  /// Writes an adapter, of whatever method, as LoRA in another format.
  ///
  /// A directory of PEFT may hold several adapters with their routing; MLX and GGUF hold one that acts on
  /// all rows. GGUF is for text decoders of the Llama family.
  ///
  /// - Parameters:
  ///   - truncation: what is kept of the adapter; nil for all, which methods of full rank cannot do.
  ///   - output: a directory, or a file for GGUF.
  /// - Returns: what was lost, for each adapter by its name.
  /// - Throws: `AdapterError` or `ConfigurationError` naming what has no place in the format; errors of
  ///   the files.
  public static func writeAdapter(
    model source: String, _ selection: AdapterSelection, to format: AdapterFormat,
    _ truncation: AdapterTruncation?, output: String
  ) throws -> [(name: String, report: ConversionReport)] {
    if format == .gguf { try requireAbsent(output) }
    let model = try ModelDirectory(source).load()
    let set = try AdapterSet(selection, attachingTo: model.index)
    let first = try selection.chosen().first?.directory
    var reports: [(name: String, report: ConversionReport)] = []
    func convert(_ adapter: Adapter) throws -> LoRAWeights {
      let (weights, report) = try adapter.asLoRA(truncation)
      reports.append((adapter.name, report))
      return weights
    }
    let isOne = set.adapters.count == 1 && set.routing.isShared
    guard isOne || format == .peft && !set.routing.isShared else {
      throw AdapterError.cannotConvert(
        source: output,
        reason: set.routing.isShared
          ? "there are \(set.adapters.count) adapters side by side; combine them"
          : "the adapter acts by modality, for which \(format.rawValue) has no place")
    }
    if format == .gguf {
      let weights = try convert(set.adapters[0])
      try writeGGUF(weights, for: model, source: source, to: output)
      return reports
    }
    try DirectoryWriter.write(to: output) { staging in
      try set.write(to: staging) { adapter, directory in
        let weights = try convert(adapter)
        if format == .mlx {
          try MLXAdapter.write(weights, for: model.index, to: directory)
        } else {
          try weights.writePEFT(to: directory)
        }
      }
      try copyCompanions(from: first, to: staging)
    }
    return reports
  }

  private static func copyCompanions(from source: String?, to output: String) throws {
    guard let source else { return }
    for name in Pipeline.companions {
      guard let data = FileManager.default.contents(atPath: source + "/" + name) else { continue }
      try AtomicFile.write(Array(data), to: output + "/" + name)
    }
  }

  /// Writes a GGUF file that llama.cpp applies to the model: `NAME.weight.lora_a` `[r, in]` and
  /// `NAME.weight.lora_b` `[out, r]`, multiplied there by alpha / r. There is one alpha; what else a
  /// module's scale has goes into its B. Rows of B are in the order of the weight's rows; A of token
  /// embeddings lies transposed.
  private static func writeGGUF(
    _ weights: LoRAWeights, for model: LoadedModel, source: String, to output: String
  ) throws {
    func refuse(_ reason: String) -> AdapterError { .cannotConvert(source: output, reason: reason) }
    let path = source + "/config.json"
    let kind = try JSONFile.value(from: path)
    guard kind["model_type"] == "llama", case .language(let language) = model,
      let llama = language.decoder as? TransformerDecoder
    else {
      throw ConfigurationError(
        path: path,
        "is not a text decoder of the Llama family, which is what GGUF adapters are written for")
    }
    try weights.requireNothingKept(by: "GGUF", source: output)
    let c = llama.configuration
    let alphas = weights.modules.map { LoRAWeights.alpha(scale: $0.scale, rank: $0.rank) }
    // llama.cpp takes 0 for "no alpha".
    let alpha = Float(alphas.first { $0 != 0 } ?? 1)
    var tensors: [PendingTensor] = []
    for module in weights.modules {
      guard module.magnitude == nil else {
        throw refuse("\(module.name) is DoRA: say what of it is to be kept as LoRA")
      }
      guard let name = ggufName(module.name) else {
        throw refuse("\(module.name) has no name in GGUF")
      }
      let isShared = name == "token_embd" || name == "output"
      guard !(isShared && llama.head.isTied) else {
        throw refuse("\(module.name) is tied to the other embeddings, which GGUF keeps as one")
      }
      var b = module.b
      let factor = module.scale * Float(module.rank) / alpha
      if factor != 1 { Kernels.scale(&b, by: factor) }
      if let heads = pairedHeads(name, c) { b = paired(b, heads: heads) }
      let a = module.isEmbedding ? Kernels.transposed(module.a) : module.a
      for (suffix, tensor) in [(".lora_a", a), (".lora_b", b)] {
        tensors.append(
          PendingTensor(name: name + ".weight" + suffix, dtype: .float32, shape: tensor.shape) {
            StoredTensor(tensor)
          })
      }
    }
    let values: [(key: String, value: GGUFWriter.Value)] = [
      ("general.architecture", .string("llama")), ("general.type", .string("adapter")),
      ("general.alignment", .uint32(32)), ("general.file_type", .uint32(0)),
      ("general.quantization_version", .uint32(2)), ("adapter.type", .string("lora")),
      ("adapter.lora.alpha", .float32(alpha)),
    ]
    try GGUFWriter.write(values, tensors: tensors, to: output)
  }
}
