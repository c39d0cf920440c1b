// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetAutograd
internal import LorikeetCheckpoints
internal import LorikeetLayers
internal import LorikeetTensors
internal import LorikeetTextDecoders

extension ModelConversion {
  /// Writes a decoder of the Llama family, with its tokenizer, as a GGUF file; of a vision-language
  /// model its decoder.
  ///
  /// Norms are float32. Embeddings are float32, bfloat16 or float16 like the other weights, and Q8_0
  /// beside weights in blocks. A matrix whose rows do not fill blocks becomes float16.
  ///
  /// - Returns: whether the model has other parts, which are not in the file.
  /// - Throws: `ConfigurationError` for another model, and what GGUF or the reader of such files has no
  ///   place for; errors of the files.
  public static func writeGGUF(
    model source: String, type: BaseType, to output: String
  ) throws -> Bool {
    try requireGGUF(source, type, output)
    let path = source + "/config.json"
    guard case .language(let model) = try ModelDirectory(source).load() else {
      throw ConfigurationError(path: path, noLlama)
    }
    return try writeGGUF(of: model, from: source, type: type, to: output)
  }

  private static let noLlama =
    "is not a text decoder of the Llama family, which is what GGUF is written of"

  /// As directories do, files refuse to replace what is there.
  static func requireAbsent(_ output: String) throws {
    guard !FileManager.default.fileExists(atPath: output) else {
      throw FileError(path: output, reason: "exists already")
    }
  }

  /// - Throws: `ConfigurationError` for a type that GGUF has not, or a model of another family;
  ///   `FileError` if there is something under the output's name.
  private static func requireGGUF(_ source: String, _ type: BaseType, _ output: String) throws {
    try requireAbsent(output)
    guard type != .normalFloat4 else {
      throw ConfigurationError(
        path: output, "GGUF has no type nf4; float32, bfloat16, float16, q8_0, q4_0, q4_1 it has")
    }
    let path = source + "/config.json"
    let kind = try JSONFile.value(from: path)
    guard (kind["text_config"] ?? kind)["model_type"] == "llama" else {
      throw ConfigurationError(path: path, noLlama)
    }
  }

  /// Writes the decoder of a model whose weights may have changed since it was opened.
  ///
  /// - Parameter source: the directory that the model came from.
  /// - Returns, Throws: as the method for a directory.
  public static func writeGGUF(
    of model: VisionLanguageModel, from source: String, type: BaseType, to output: String
  ) throws -> Bool {
    try requireGGUF(source, type, output)
    let path = source + "/config.json"
    func refuse(_ reason: String) -> ConfigurationError { ConfigurationError(path: path, reason) }
    guard let llama = model.decoder as? TransformerDecoder else { throw refuse(noLlama) }
    let c = llama.configuration
    guard !c.queryKeyValueBias, !c.outputBias, !c.feedForwardBias else {
      throw refuse("has biases, which are not written to GGUF")
    }
    var stretch: Double?
    switch c.rotary.scaling {
    case .none: break
    case .linear(let factor): stretch = factor
    case .dynamic, .llama3, .yarn, .longRope:
      throw refuse("has a rope_type other than default and linear: not written to GGUF")
    }
    guard c.activation == .silu, c.rotary.partialFactor == 1 else {
      throw refuse(
        "has an activation other than silu or a partial_rotary_factor: not written to GGUF")
    }
    let tokenizer = try GGUFTokenizerExport(directory: source, vocabulary: c.vocabulary)
    var values: [(key: String, value: GGUFWriter.Value)] = [
      ("general.architecture", .string("llama")), ("general.alignment", .uint32(32)),
      ("general.file_type", .uint32(fileType(type))),
      ("general.quantization_version", .uint32(2)), ("llama.vocab_size", .uint32(c.vocabulary)),
      ("llama.context_length", .uint32(c.maxPositions)),
      ("llama.embedding_length", .uint32(c.hiddenSize)), ("llama.block_count", .uint32(c.layers)),
      ("llama.feed_forward_length", .uint32(c.intermediateSize)),
      ("llama.rope.dimension_count", .uint32(c.headWidth)),
      ("llama.rope.freq_base", .float32(Float(c.rotary.theta))),
      ("llama.attention.head_count", .uint32(c.heads)),
      ("llama.attention.head_count_kv", .uint32(c.keyHeads)),
      ("llama.attention.key_length", .uint32(c.headWidth)),
      ("llama.attention.value_length", .uint32(c.headWidth)),
      ("llama.attention.layer_norm_rms_epsilon", .float32(c.epsilon)),
    ]
    if let stretch {
      values.append(("llama.rope.scaling.type", .string("linear")))
      values.append(("llama.rope.scaling.factor", .float32(Float(stretch))))
    }
    values += tokenizer.values
    let body = String(llama.embedding.name.dropLast("embed_tokens".count))
    let tensors = try model.index.entries.compactMap { entry in
      try decoderName(entry.modulePath, body: body).map { name in
        try pending(entry.parameter, name, c, type, path: path)
      }
    }
    try GGUFWriter.write(values, tensors: tensors, to: output)
    return model.vision != nil
  }

  /// The number by which readers know what a file is mostly made of.
  private static func fileType(_ type: BaseType) -> Int {
    switch type {
    case .float32: 0
    case .float16: 1
    case .fourBits: 2
    case .fourBitsWithMinimum: 3
    case .eightBits: 7
    case .bfloat16, .normalFloat4: 32
    }
  }

  /// Names of weights within a layer, at Hugging Face and in GGUF.
  private static let names = [
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "model.embed_tokens": "token_embd", "model.norm": "output_norm",
    "lm_head": "output",
  ]

  /// The name that a parameter of the decoder has in a decoder that stands alone; nil for a parameter
  /// of another part.
  ///
  /// - Parameter body: what stands before `layers` in this model: `model.language_model.`.
  private static func decoderName(_ path: String, body: String) -> String? {
    if path.hasPrefix("lm_head.") { return path }
    return path.hasPrefix(body) ? "model." + path.dropFirst(body.count) : nil
  }

  private static func pending(
    _ parameter: Parameter, _ decoderName: String, _ c: TextDecoderConfiguration, _ type: BaseType,
    path: String
  ) throws -> PendingTensor {
    guard let name = ggufName(String(decoderName.dropLast(".weight".count))) else {
      throw ConfigurationError(path: path, "\(decoderName) has no name in GGUF")
    }
    let stored = parameter.stored
    let isEmbedding = name == "token_embd" || name == "output"
    var dtype = stored.shape.rank < 2 ? .float32 : isEmbedding ? type.embeddingType : type.dtype
    if !stored.canConvert(to: dtype) { dtype = .float16 }
    let heads = pairedHeads(name, c)
    return PendingTensor(name: name + ".weight", dtype: dtype, shape: stored.shape) {
      heads.map { StoredTensor(paired(stored.tensor(), heads: $0)).converted(to: dtype) }
        ?? stored.converted(to: dtype)
    }
  }

  /// The name of a module of a Llama in GGUF: blk.3.attn_q of model.layers.3.self_attn.q_proj.
  static func ggufName(_ module: String) -> String? {
    let layers = "model.layers."
    guard module.hasPrefix(layers) else { return names[module] }
    let parts = module.dropFirst(layers.count).split(separator: ".", maxSplits: 1)
    return names[String(parts.last ?? "")].map { "blk.\(parts.first ?? "").\($0)" }
  }

  /// The heads of a weight whose rows GGUF orders in its own way; nil for other weights.
  static func pairedHeads(_ name: String, _ c: TextDecoderConfiguration) -> Int? {
    name.hasSuffix(".attn_q") ? c.heads : name.hasSuffix(".attn_k") ? c.keyHeads : nil
  }

  /// Orders the rows of a query or key projection as GGUF does: the two channels that rotary positions
  /// turn together, `i` and `i + width / 2` of a head at Hugging Face, lie side by side.
  static func paired(_ matrix: Tensor, heads: Int) -> Tensor {
    let half = matrix.rows / heads / 2
    let order = (0..<matrix.rows).map { row in
      let (head, place) = (row / (2 * half), row % (2 * half))
      return head * 2 * half + place % 2 * half + place / 2
    }
    return Kernels.gatherRows(order.map { (matrix, $0..<$0 + 1) }, width: matrix.width)
  }
}
