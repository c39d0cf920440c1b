// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
public import LorikeetTensors

/// A causal language model that takes embeddings, so that images may stand among the words.
public protocol TextDecoder: AnyObject {
  /// The width of the embeddings.
  var width: Int { get }
  /// The number of tokens, `[vocabulary, width]` being the shape of `embeddings` and of the head's weight.
  var vocabulary: Int { get }
  /// The number of positions that the model was made for.
  var contextLength: Int { get }
  var embedding: Embedding { get }
  /// The layer that gives the logits; its weight is the table of `embedding` where the model ties them.
  var head: Linear { get }
  var layerCount: Int { get }
  /// What the embeddings of tokens are multiplied by.
  var embeddingScale: Float { get }
  /// Logits z become c tanh(z / c); nil for none.
  var logitSoftCap: Float? { get }
  /// Tokens that end a text.
  var endTokens: [Int] { get }

  /// The hidden states after the final norm.
  ///
  /// - Parameters:
  ///   - x: embeddings, `[rows, width]`.
  ///   - wanted: the rows whose states are wanted; nil for all.
  /// - Returns: `[rows that are wanted, width]`, in the order in which they are asked for.
  func hiddenStates(_ x: Variable, _ context: ForwardContext, rows wanted: [Int]?) -> Variable

  /// Bytes that a cache has for each token.
  func cacheBytes(_ type: KeyValueCacheType) -> Int

  /// An empty cache for `slots` texts of up to `capacity` tokens.
  func makeCache(slots: Int, capacity: Int, type: KeyValueCacheType) -> KeyValueCache
}

extension TextDecoder {
  /// The table of the embeddings.
  public var embeddings: Parameter { embedding.weight }

  /// The hidden states of all rows.
  public func hiddenStates(_ x: Variable, _ context: ForwardContext) -> Variable {
    hiddenStates(x, context, rows: nil)
  }

  /// An empty cache of float32 values.
  public func makeCache(slots: Int, capacity: Int) -> KeyValueCache {
    makeCache(slots: slots, capacity: capacity, type: .float32)
  }

  /// The embeddings of tokens as the blocks take them, `[tokens, width]`.
  public func embed(_ tokens: [Int], _ tape: Tape) -> Variable {
    let rows = embedding(tokens, tape)
    return embeddingScale == 1 ? rows : tape.scale(rows, by: embeddingScale)
  }

  /// The head's weight with what adapters of the embeddings change of it.
  private func headWeight(_ tape: Tape) -> Parameter {
    head.isTied ? embedding.head(tape) : head.weight
  }

  /// Logits before they are capped. What the rows predict is text, so the head's adapters take them for
  /// rows of text.
  private func rawLogits(_ hidden: Variable, _ tape: Tape, dropout: RandomStream?) -> Variable {
    let context = ForwardContext(
      tape: tape, isTraining: dropout != nil, lengths: [hidden.shape.rows], modality: .text,
      random: dropout)
    return head(hidden, context, weight: headWeight(tape))
  }

  /// Logits of some rows of hidden states, `[rows, vocabulary]`.
  public func logits(_ hidden: Variable, _ tape: Tape) -> Variable {
    let logits = rawLogits(hidden, tape, dropout: nil)
    return logitSoftCap.map { tape.softCap(logits, $0) } ?? logits
  }

  /// The weighted sum of -log p(target) over rows of hidden states, as `Tape.linearCrossEntropy`.
  ///
  /// Where the head has adapters the logits of all rows exist at once.
  ///
  /// - Parameter dropout: in training, what the head's adapters draw their dropout from.
  public func crossEntropy(
    _ hidden: Variable, targets: [Int], weights: [Float], _ tape: Tape,
    dropout: RandomStream? = nil
  ) -> (loss: Variable, losses: [Float]) {
    guard head.adapters.isEmpty else {
      return tape.crossEntropy(
        rawLogits(hidden, tape, dropout: dropout), targets: targets, weights: weights,
        softCap: logitSoftCap)
    }
    return tape.linearCrossEntropy(
      hidden, head: headWeight(tape), targets: targets, weights: weights, softCap: logitSoftCap)
  }
}

extension TextDecoder {
  /// The standard deviation of the embeddings as the blocks take them, from every row of the first
  /// thousand.
  public var embeddingDeviation: Float {
    let rows = embeddings.rows(0..<min(vocabulary, 1000))
    let mean = Kernels.sumOfSquares(rows) / Double(max(rows.count, 1))
    return Float(mean.squareRoot()) * embeddingScale
  }
}
