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
  var embeddings: Parameter { get }
  /// The output embeddings; the input ones where the model ties them.
  var head: Parameter { get }
  var layerCount: Int { get }
  /// Tokens that end a text.
  var endTokens: [Int] { get }

  /// The hidden states after the final norm.
  ///
  /// - Parameter x: embeddings, `[rows, width]`.
  func hiddenStates(_ x: Variable, _ context: ForwardContext) -> Variable

  /// An empty cache for `slots` texts of up to `capacity` tokens.
  func makeCache(slots: Int, capacity: Int) -> KeyValueCache
}

extension TextDecoder {
  /// Logits of some rows of hidden states, `[rows, vocabulary]`.
  public func logits(_ hidden: Variable, _ context: ForwardContext) -> Variable {
    context.tape.linear(hidden, head)
  }
}

extension TextDecoder {
  /// The standard deviation of the embeddings, from every row of the first thousand.
  public var embeddingDeviation: Float {
    let rows = embeddings.rows(0..<min(vocabulary, 1000))
    return Float((Kernels.sumOfSquares(rows) / Double(max(rows.count, 1))).squareRoot())
  }
}
