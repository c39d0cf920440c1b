// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
internal import LorikeetTensors

/// A table of embeddings, one row a token, with a socket for adapters.
public final class Embedding {
  /// The place in the module tree, as transformers and PEFT name it.
  public let name: String
  /// `[tokens, width]`.
  public let weight: Parameter
  /// Whether the table also gives the logits.
  public package(set) var isTied = false
  /// What is plugged in, in the order in which it acts.
  public var adapters: [any EmbeddingAdapter] = []

  public init(name: String, weight: Parameter) {
    self.name = name
    self.weight = weight
  }

  public var count: Int { weight.shape[0] }
  public var width: Int { weight.shape[1] }

  /// The rows of some tokens, `[tokens, width]`.
  public func callAsFunction(_ tokens: [Int], _ tape: Tape) -> Variable {
    var rows = tape.embed(weight, tokens)
    for adapter in adapters { rows = adapter.apply(to: rows, tokens: tokens, tape) }
    return rows
  }

  /// The table as the model's head sees it where the two are tied.
  public func head(_ tape: Tape) -> Parameter {
    adapters.reduce(weight) { $1.head($0, tape) }
  }
}

/// What plugs into a table of embeddings.
public protocol EmbeddingAdapter: AnyObject {
  /// The rows of some tokens with the adapter's contribution.
  ///
  /// - Parameter output: `[tokens, width]`; may be used up.
  func apply(to output: Variable, tokens: [Int], _ tape: Tape) -> Variable

  /// What a head that is tied to the table uses in its place; the table itself unless the adapter says
  /// otherwise.
  func head(_ table: Parameter, _ tape: Tape) -> Parameter
}

extension EmbeddingAdapter {
  public func head(_ table: Parameter, _ tape: Tape) -> Parameter { table }
}
