// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
package import LorikeetLayers
internal import LorikeetTensors
internal import LorikeetTextDecoders
internal import LorikeetVisionLanguage

/// Times what a decoder does without a picture: a prompt at once, then token after token.
package struct DecodeBenchmark {
  package struct Options: Sendable {
    package var promptTokens = 288
    /// Tokens that are written after the first.
    package var tokens = 64
    package var repetitions = Repetitions(warmUp: 1, count: 5)
    package var seed: UInt64 = 0
    package var cacheType = KeyValueCacheType.float32

    package init() {}
  }

  private let options: Options
  private let model: VisionLanguageModel
  private let name: String

  package init(_ model: BenchmarkModel, _ options: Options) throws {
    self.options = options
    self.model = try model.open().model
    name = model.description
    let rows = options.promptTokens + options.tokens + 1
    guard rows <= self.model.decoder.contextLength else {
      throw BenchmarkError(
        name, "\(rows) tokens, but the context holds \(self.model.decoder.contextLength)")
    }
  }

  /// The prompt up to its first token, and each token after that.
  package func run() throws -> [MeasuredWork] {
    var random = RandomStream.derive(seed: options.seed, label: "bench decode")
    let prompt = (0..<options.promptTokens).map { _ in
      random.index(below: model.decoder.vocabulary)
    }
    var generation = GenerationOptions()
    generation.maxTokens = options.tokens + 1
    generation.stopsAtEnd = false
    generation.cacheType = options.cacheType
    var (prefill, decode, rates): ([Double], [Double], [Double]) = ([], [], [])
    let weights = weights
    var (operations, prefillOperations) = (0, 0)
    PeakMemory.reset()
    let load = ProcessorLoad()
    for round in 0..<options.repetitions.warmUp + options.repetitions.count {
      let clock = ContinuousClock()
      let start = clock.now
      let before = WorkCounter.operations
      var first: ContinuousClock.Instant?
      _ = try model.generate([TokenSequence(parts: [.tokens(prompt)])], generation) { _, _ in
        if first == nil {
          first = clock.now
          prefillOperations = WorkCounter.operations - before
        }
      }
      let end = clock.now
      guard let first, round >= options.repetitions.warmUp else { continue }
      prefill.append(start.duration(to: first) / .seconds(1))
      decode.append(first.duration(to: end) / .seconds(1) / Double(options.tokens))
      rates += (0..<4).compactMap { _ in MachineLimits.readRate(weights) }
      operations = (WorkCounter.operations - before - prefillOperations) / options.tokens
    }
    let others = load.others()
    let peak = PeakMemory.bytes
    let settings: JSONLine = [
      "model": .string(name), "dtypes": .string(model.decoderTypes),
      "cache_dtype": .string(options.cacheType.rawValue),
      "prompt_tokens": .int(options.promptTokens), "tokens": .int(options.tokens),
    ]
    let first = Timing(samples: prefill, otherProcessors: others)
    let each = Timing(samples: decode, otherProcessors: others)
    return [
      MeasuredWork(
        work: "decode", name: "prefill", settings: settings, timing: first,
        operations: Double(prefillOperations),
        numbers: [("tokens_per_second", Double(options.promptTokens) / first.median)],
        peakMemory: peak),
      MeasuredWork(
        work: "decode", name: "token", settings: settings, timing: each,
        operations: Double(operations),
        bytes: Double(weights.reduce(0) { $0 + $1.bytes.count }),
        bandwidth: rates.isEmpty ? nil : Timing(samples: rates).median,
        numbers: [("tokens_per_second", 1 / each.median)], peakMemory: peak),
    ]
  }

  /// The weights that every token needs: all of the decoder's, but for input embeddings that are not
  /// the output ones, of which one row is read.
  private var weights: [StoredTensor] {
    let (embeddings, head) = (model.decoder.embeddings, model.decoder.head.weight)
    return model.index.entries.filter { entry in
      model.part(of: entry.modulePath) == .decoder
        && (entry.parameter !== embeddings || embeddings === head)
    }.map(\.parameter.stored)
  }
}

extension VisionLanguageModel {
  /// The types in which the decoder's weights are kept: `BF16,F32`.
  var decoderTypes: String {
    let types = index.entries.filter { part(of: $0.modulePath) == .decoder }
      .map(\.parameter.stored.dtype.rawValue)
    return Set(types).sorted().joined(separator: ",")
  }
}
