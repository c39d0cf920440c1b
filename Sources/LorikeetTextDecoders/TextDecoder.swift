// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
internal import LorikeetTensors

/// A causal language model that takes embeddings, so that images may stand among the words.
public protocol TextDecoder: AnyObject {
  /// The width of the embeddings.
  var width: Int { get }
  /// The number of tokens, `[vocabulary, width]` being the shape of `embeddings` and `head`.
  var vocabulary: Int { get }
  /// The number of positions that the model was made for.
  var contextLength: Int { get }
  var embedding: Embedding { get }
  /// The output embeddings; the input ones where the model ties them.
  var head: Parameter { get }
  var layerCount: Int { get }
  /// What the embeddings of tokens are multiplied by.
  var embeddingScale: Float { get }
  /// Logits z become c tanh(z / c); nil for none.
  var logitSoftCap: Float? { get }
  /// Tokens that end a text.
  var endTokens: [Int] { get }

  /// The hidden states after the final norm.
  ///
  /// - Parameter x: embeddings, `[rows, width]`.
  func hiddenStates(_ x: Variable, _ context: ForwardContext) -> Variable

  /// An empty cache for `slots` texts of up to `capacity` tokens.
  func makeCache(slots: Int, capacity: Int, type: KeyValueCacheType) -> KeyValueCache
}

extension TextDecoder {
  /// The table of the embeddings.
  public var embeddings: Parameter { embedding.weight }

  /// An empty cache of float32 values.
  public func makeCache(slots: Int, capacity: Int) -> KeyValueCache {
    makeCache(slots: slots, capacity: capacity, type: .float32)
  }

  /// The embeddings of tokens as the blocks take them, `[tokens, width]`.
  public func embed(_ tokens: [Int], _ tape: Tape) -> Variable {
    let rows = embedding(tokens, tape)
    return embeddingScale == 1 ? rows : tape.scale(rows, by: embeddingScale)
  }

  /// The output embeddings with what adapters change of them.
  private func adaptedHead(_ tape: Tape) -> Parameter {
    embedding.isTied ? embedding.head(tape) : head
  }

  /// Logits of some rows of hidden states, `[rows, vocabulary]`.
  public func logits(_ hidden: Variable, _ tape: Tape) -> Variable {
    let logits = tape.linear(hidden, adaptedHead(tape))
    return logitSoftCap.map { tape.softCap(logits, $0) } ?? logits
  }

  /// The weighted sum of -log p(target) over rows of hidden states, as `Tape.linearCrossEntropy`.
  public func crossEntropy(
    _ hidden: Variable, targets: [Int], weights: [Float], _ tape: Tape
  ) -> (loss: Variable, losses: [Float]) {
    tape.linearCrossEntropy(
      hidden, head: adaptedHead(tape), targets: targets, weights: weights, softCap: logitSoftCap)
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
