// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
internal import LorikeetTensors

/// The text half of CLIP or SigLIP, as `text_config` has it.
public struct TextTowerConfiguration: Sendable, Equatable {
  /// Which row stands for a text.
  public enum Pooling: Sendable, Equatable {
    /// The first row of this token; the tower is causal.
    case token(Int)
    /// The row of the highest token; the tower is causal. What the first CLIP files mean.
    case highestToken
    /// The last row, through a linear layer of this many outputs.
    case last(outputs: Int)
  }
  package var form: EncoderBlock.Form
  public var layers: Int
  public var vocabulary: Int
  public var maxPositions: Int
  public var pooling: Pooling
  /// What texts are filled up with, if they must have all positions.
  public var padToken: Int

  /// CLIP's: a causal tower.
  public init(clip values: ConfigurationValues) throws {
    let values = values.defaulting([
      "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12,
      "num_attention_heads": 8, "vocab_size": 49408, "max_position_embeddings": 77,
    ])
    try self.init(values, epsilon: 1e-5, activation: .quickGelu)
    let end = try values.oneOrSeveral("eos_token_id").first ?? 49407
    // 2 was written by mistake for every checkpoint; transformers reads it so, too.
    pooling = end == 2 ? .highestToken : .token(end)
    form.isCausal = true
  }

  /// SigLIP's: every token sees all.
  public init(siglip values: ConfigurationValues) throws {
    let values = values.defaulting([
      "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
      "num_attention_heads": 12, "vocab_size": 32000, "max_position_embeddings": 64,
    ])
    try self.init(values, epsilon: 1e-6, activation: .geluTanh)
    pooling = .last(outputs: try values.whole("projection_size", default: form.width))
  }

  private init(_ values: ConfigurationValues, epsilon: Float, activation: Activation) throws {
    form = try EncoderBlock.Form(values, epsilon: epsilon, activation: activation)
    layers = try values.whole("num_hidden_layers", most: 4096)
    vocabulary = try values.whole("vocab_size")
    maxPositions = try values.whole("max_position_embeddings")
    padToken = try values.value("pad_token_id", default: 1)
    pooling = .highestToken
  }

  public var width: Int { form.width }
  /// The width of a pooled text.
  public var outputs: Int { if case .last(let outputs) = pooling { outputs } else { width } }
}

/// A transformer over the tokens of a text that gives one row for each text (Radford et al., "Learning
/// transferable visual models from natural language supervision", 2021).
public final class TextTower {
  public let configuration: TextTowerConfiguration
  private let embeddings: Parameter
  private let positions: Parameter
  private let blocks: [EncoderBlock]
  private let norm: LayerNorm
  private let head: Linear?

  public init(_ c: TextTowerConfiguration, _ scope: LayerScope) {
    configuration = c
    let tokens = scope.scoped("embeddings")
    embeddings = tokens.scoped("token_embedding").parameter(
      "weight", [c.vocabulary, c.width], initial: .normal(0.02))
    positions = tokens.scoped("position_embedding").parameter(
      "weight", [c.maxPositions, c.width], initial: .normal(0.02))
    blocks = (0..<c.layers).map {
      EncoderBlock(clip: scope.scoped("encoder").scoped("layers").scoped(String($0)), c.form)
    }
    norm = LayerNorm(
      scope.scoped("final_layer_norm"), width: c.width, epsilon: c.form.epsilon)
    if case .last(let outputs) = c.pooling {
      head = scope.linear("head", inputs: c.width, outputs: outputs, bias: true)
    } else {
      head = nil
    }
  }

  /// - Parameters:
  ///   - texts: token ids, at most as many as there are positions, at least one each.
  ///   - present: for each text the tokens that are not padding; others are not seen by a tower that
  ///     is not causal.
  /// - Returns: `[texts, outputs]`. Traps on tokens outside of the vocabulary.
  public func encode(
    _ texts: [[Int]], present: [Range<Int>]? = nil, tape: Tape
  ) -> Variable {
    precondition(
      texts.allSatisfy { (1...configuration.maxPositions).contains($0.count) },
      "TextTower: \(texts.map(\.count)) tokens for \(configuration.maxPositions) positions")
    var start = 0
    let segments = texts.enumerated().map { index, text in
      defer { start += text.count }
      let seen = configuration.form.isCausal ? nil : present?[index]
      let range = seen ?? 0..<text.count
      return AttentionSegment(
        queries: start..<start + text.count,
        keys: start + range.lowerBound..<start + range.upperBound)
    }
    let context = ForwardContext(
      tape: tape, segments: segments, positions: texts.flatMap { Array($0.indices) },
      modalities: ModalityLayout(.text, rows: start))
    var x = tape.add(
      tape.embed(embeddings, texts.flatMap { $0 }),
      tape.joinRows(
        texts.map { (positions.variable, 0..<$0.count) }, width: configuration.width))
    for block in blocks {
      var record = AttentionRecord()
      x = block(x, context, record: &record)
    }
    x = norm(x, context)
    var first = 0
    let rows = texts.map { text in
      defer { first += text.count }
      return first + place(text)
    }
    let pooled = tape.selectRows(x, rows)
    return head.map { $0(pooled, context) } ?? pooled
  }

  /// The row that stands for a text.
  private func place(_ text: [Int]) -> Int {
    switch configuration.pooling {
    case .token(let end): text.firstIndex(of: end) ?? 0
    case .highestToken: text.indices.max { (text[$0], -$0) < (text[$1], -$1) } ?? 0
    case .last: text.count - 1
    }
  }
}
