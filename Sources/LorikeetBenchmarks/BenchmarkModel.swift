// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetAutograd
internal import LorikeetCheckpoints
internal import LorikeetLayers
internal import LorikeetTensors
internal import LorikeetTextDecoders
internal import LorikeetTokenizers
package import LorikeetVisionLanguage

/// The sizes of a published decoder, for measuring without its weights.
package enum DecoderShape: String, CaseIterable, Sendable {
  case smolLM2Small = "smollm2-135m"
  case smolLM2Medium = "smollm2-360m"
  case qwen2Small = "qwen2-0.5b"
  case qwen2Medium = "qwen2-1.5b"

  /// width, inner width, layers, heads, key heads, tokens.
  private var sizes: (Int, Int, Int, Int, Int, Int) {
    switch self {
    case .smolLM2Small: (576, 1536, 30, 9, 3, 49152)
    case .smolLM2Medium: (960, 2560, 32, 15, 5, 49152)
    case .qwen2Small: (896, 4864, 24, 14, 2, 151936)
    case .qwen2Medium: (1536, 8960, 28, 12, 2, 151936)
    }
  }

  private var family: String {
    switch self {
    case .smolLM2Small, .smolLM2Medium: "llama"
    case .qwen2Small, .qwen2Medium: "qwen2"
    }
  }

  /// About how many bytes the weights take.
  func bytes(layers: Int?, _ type: BaseType?) -> Int {
    let (width, inner, depth, heads, keyHeads, vocabulary) = sizes
    let layer = width * (2 * width + 2 * width / heads * keyHeads + 3 * inner)
    func bits(_ dtype: DType) -> Int { (dtype.byteCount(elements: 1 << 10) ?? 4 << 10) >> 7 }
    return
      (layer * (layers ?? depth) * bits(type?.dtype ?? .float32)
      + vocabulary * width * bits(type?.embeddingType ?? .float32)) / 8
  }

  func configuration(layers: Int?) -> String {
    let (width, inner, depth, heads, keyHeads, vocabulary) = sizes
    return """
      {"model_type": "\(family)", "hidden_size": \(width), "intermediate_size": \(inner), \
      "num_hidden_layers": \(layers ?? depth), "num_attention_heads": \(heads), \
      "num_key_value_heads": \(keyHeads), "vocab_size": \(vocabulary), \
      "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": 100000, \
      "tie_word_embeddings": true, "eos_token_id": 2}
      """
  }
}

/// The model that is measured.
package struct BenchmarkModel: Sendable {
  /// A directory, or random weights of published sizes.
  package enum Source: Sendable {
    case directory(String)
    /// DINOv2-S, a projector of two layers and a decoder of this shape, cut down to some layers if
    /// wanted.
    case random(DecoderShape, layers: Int?)
  }
  package var source: Source
  /// The type that the decoder's matrices are converted to; nil leaves them as they are.
  package var baseType: BaseType?

  package init(_ source: Source, baseType: BaseType? = nil) {
    self.source = source
    self.baseType = baseType
  }

  package var description: String {
    switch source {
    case .directory(let path): path
    case .random(let shape, nil): "random \(shape.rawValue)"
    case .random(let shape, let layers?): "random \(shape.rawValue), \(layers) layers"
    }
  }

  package func open() throws -> Pipeline {
    let pipeline = try openAsStored()
    if let baseType { pipeline.model.storeWeights(as: baseType) }
    return pipeline
  }

  private func openAsStored() throws -> Pipeline {
    switch source {
    case .directory(let path): return try Pipeline(model: path)
    case .random(let shape, let layers):
      let bytes = shape.bytes(layers: layers, baseType)
      if let available = Memory.available, bytes > available {
        throw BenchmarkError(
          description,
          "its weights take about \(Memory.gibibytes(bytes)), and \(Memory.gibibytes(available)) "
            + "are available")
      }
      let text = """
        {"model_type": "llava", "image_token_index": 0, "vision_feature_layer": -1, \
        "vision_config": {"model_type": "dinov2", "hidden_size": 384, "num_hidden_layers": 12, \
        "num_attention_heads": 6, "mlp_ratio": 4, "image_size": 518, "patch_size": 14}, \
        "text_config": \(shape.configuration(layers: layers))}
        """
      let configuration = try JSONFile.decode(
        VisionLanguageConfiguration.self, text: text, path: description)
      let model = try VisionLanguageModel(
        configuration,
        .init(
          encoder: .repeating(seed: 0), projector: .repeating(seed: 1),
          decoder: .repeating(seed: 2, as: baseType?.dtype)), path: description)
      // Token ids are drawn; there are no words.
      let tokenizer = try Tokenizer(
        json: Array(#"{"model": {"type": "BPE", "vocab": {}, "merges": []}}"#.utf8))
      return Pipeline(model, Processor(tokenizer: tokenizer, imageProcessor: nil))
    }
  }
}
