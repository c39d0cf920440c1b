// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
internal import LorikeetLayers
public import LorikeetTensors
internal import LorikeetTextDecoders

/// The type in which the frozen weights of a model are kept; names are transformers', and GGUF's in
/// small letters.
public enum BaseType: String, Sendable, Codable, CaseIterable {
  case float32
  case bfloat16
  case float16
  case eightBits = "q8_0"
  case fourBits = "q4_0"
  case fourBitsWithMinimum = "q4_1"
  /// The 4-bit normal float with double quantisation (QLoRA).
  case normalFloat4 = "nf4"

  public var dtype: DType {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .float16: .float16
    case .eightBits: .q8_0
    case .fourBits: .q4_0
    case .fourBitsWithMinimum: .q4_1
    case .normalFloat4: .nf4
    }
  }

  /// The type of the embeddings, input and output ones: as wide as is usual beside weights of this
  /// type, since looking up a token, and the logits, are sensitive to it.
  public var embeddingType: DType {
    switch self {
    case .float32, .bfloat16, .float16: dtype
    case .eightBits, .fourBits, .fourBitsWithMinimum: .q8_0
    case .normalFloat4: .bfloat16
    }
  }
}

extension VisionLanguageModel {
  /// Keeps the weights of the linear layers of encoder and decoder, and the embeddings, in another
  /// type. What has no room in blocks (rows of other than whole ones) goes to float16; norms, biases,
  /// the encoder's patch and position embeddings and the projector stay as they are.
  public func storeWeights(as type: BaseType) {
    func store(_ parameter: Parameter, _ dtype: DType) {
      let dtype = parameter.stored.canConvert(to: dtype) ? dtype : .float16
      if parameter.stored.canConvert(to: dtype) { parameter.store(as: dtype) }
    }
    for linear in index.linears where part(of: linear.name) != .projector {
      store(linear.weight, type.dtype)
    }
    store(decoder.embeddings, type.embeddingType)
    if !decoder.head.isTied { store(decoder.head.weight, type.embeddingType) }
  }
}
