// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAdapters
import LorikeetAutograd
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTextDecoders
import LorikeetVisionLanguage
import Testing

/// Frozen weights in every type, against the float32 values that they stand for.
@Suite struct BaseWeightsTests {
  /// A decoder whose rows fill blocks of every type, tied or not.
  private static func model(tied: Bool) throws -> VisionLanguageModel {
    let json = """
      {"model_type": "llama", "hidden_size": 128, "intermediate_size": 192, "vocab_size": 211,
       "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 32,
       "max_position_embeddings": 64, "tie_word_embeddings": \(tied)}
      """
    let configuration = try JSONDecoder().decode(
      TextDecoderConfiguration.self, from: Data(json.utf8))
    return VisionLanguageModel(configuration, .random(seed: 5))
  }

  /// The model with weights of a type, and one with the float32 values that they stand for.
  private static func pair(
    _ type: BaseType, tied: Bool = true
  ) throws -> (stored: VisionLanguageModel, plain: VisionLanguageModel) {
    let (stored, plain) = (try model(tied: tied), try model(tied: tied))
    stored.storeWeights(as: type)
    for (from, to) in zip(stored.index.parameters, plain.index.parameters) {
      to.replace(with: from.stored.tensor())
    }
    return (stored, plain)
  }

  private static var prompt: TokenSequence {
    TokenSequence(parts: [.tokens([5, 80, 33, 190, 2])], answer: [7, 100, 41])
  }

  private static func logits(_ model: VisionLanguageModel) -> Tensor {
    let batch = model.pack([prompt], tape: .inference)
    return Tape.inference.linear(
      model.hiddenStates(batch, tape: .inference), model.decoder.head.weight
    ).value
  }

  @Test(arguments: BaseType.allCases, [true, false])
  func weightsActAsTheirValues(type: BaseType, tied: Bool) throws {
    let (stored, plain) = try Self.pair(type, tied: tied)
    for linear in stored.index.linears { #expect(linear.weight.stored.dtype == type.dtype) }
    #expect(stored.decoder.embeddings.stored.dtype == type.embeddingType)
    #expect(stored.decoder.head.weight.stored.dtype == type.embeddingType)
    expectClose(Self.logits(stored), Self.logits(plain), tolerance: 1e-5, "\(type)")
    var options = GenerationOptions()
    options.maxTokens = 12
    options.stopsAtEnd = false
    let prompts = [Self.prompt, TokenSequence(parts: [.tokens([9])])]
    #expect(try stored.generate(prompts, options) == plain.generate(prompts, options))
    #expect(try Set(stored.generate(prompts, options)).count == 2)
  }

  @Test(arguments: BaseType.allCases)
  func adaptersGetTheGradientsOfPlainWeights(type: BaseType) throws {
    func gradients(_ model: VisionLanguageModel) throws -> [(String, Tensor)] {
      var configuration = LoRAConfiguration()
      configuration.targets = .allLinear
      let adapters = try AdapterSet(
        AdapterRouting(.shared), configurations: ["default": configuration],
        attachingTo: model.index, seed: 3)
      let parameters = adapters.adapters.flatMap(\.parameters)
      for (index, entry) in parameters.enumerated() {
        // B begins at 0, where A would get no gradient.
        entry.parameter.replace(
          with: .random(entry.parameter.shape, seed: UInt64(index), deviation: 0.05))
        entry.parameter.isTrainable = true
      }
      let tape = Tape(isRecording: true)
      let batch = model.pack([Self.prompt], tape: tape)
      tape.backward(from: model.loss(batch, tape: tape).loss)
      return parameters.map {
        ($0.name, $0.parameter.variable.gradient ?? Tensor(repeating: .nan, [1]))
      }
    }
    let (stored, plain) = try Self.pair(type)
    let (found, expected) = (try gradients(stored), try gradients(plain))
    #expect(found.count == 2 * 7 * 2)
    for (a, b) in zip(found, expected) {
      expectClose(a.1, b.1, tolerance: 1e-4, "\(type) \(a.0)")
      #expect(b.1.values.contains { $0 != 0 })
    }
  }

  @Test func rowsThatDoNotFillBlocksGoToHalf() throws {
    let llava = try Llava()
    let before = try llava.model.visualFeatures(llava.picture(seed: 1))[0].features.value
    llava.model.storeWeights(as: .normalFloat4)
    let types = Set(llava.model.index.linears.map { $0.weight.stored.dtype })
    #expect(types.isSubset(of: [.nf4, .float16, .float32]) && types.contains(.float16))
    for linear in llava.model.index.linears where linear.name.contains("multi_modal_projector") {
      #expect(linear.weight.stored.dtype == .float32)
    }
    let after = try llava.model.visualFeatures(llava.picture(seed: 1))[0].features.value
    expectClose(after, before, tolerance: 0.2)
  }

  @Test func aCacheInHalfPrecisionGivesTheSameText() throws {
    let model = try Self.model(tied: true)
    var options = GenerationOptions()
    options.maxTokens = 20
    options.stopsAtEnd = false
    let prompts = [Self.prompt, TokenSequence(parts: [.tokens([9])])]
    let expected = try model.generate(prompts, options)
    options.cacheType = .float16
    #expect(try model.generate(prompts, options) == expected)

    // Hidden states of a prompt and of what follows it, through either cache.
    func hidden(_ type: KeyValueCacheType) -> (Tensor, Tensor) {
      let cache = model.decoder.makeCache(slots: 1, capacity: 40, type: type)
      func run(_ tokens: [Int]) -> Tensor {
        let batch = model.pack([TokenSequence(parts: [.tokens(tokens)])], tape: .inference)
        return model.hiddenStates(batch, tape: .inference, cache: cache).value
      }
      _ = run([5, 80, 33, 190, 2, 7])
      return (run([8]), run([9, 10, 11, 12, 13, 14]))
    }
    let (full, half) = (hidden(.float32), hidden(.float16))
    expectClose(half.0, full.0, tolerance: 2e-3)
    expectClose(half.1, full.1, tolerance: 2e-3)
    #expect(half.0.values != full.0.values)
  }
}
