// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
internal import LorikeetTensors

/// Every parameter, linear layer within the model, table of embeddings and head of a model, in the order
/// in which it was built.
public final class ModuleIndex {
  /// A parameter and its place in the module tree (its own name is the one in the checkpoint).
  public struct Entry {
    public let modulePath: String
    public let parameter: Parameter
  }
  public private(set) var entries: [Entry] = []
  public private(set) var linears: [Linear] = []
  public private(set) var embeddings: [Embedding] = []
  /// The layers that give the logits, whose weights may be those of the embeddings.
  public private(set) var heads: [Linear] = []

  public init() {}

  public var parameters: [Parameter] { entries.map(\.parameter) }

  func enter(_ parameter: Parameter, modulePath: String) {
    entries.append(Entry(modulePath: modulePath, parameter: parameter))
  }
  func enter(_ linear: Linear) { linears.append(linear) }
  func enter(_ embedding: Embedding) { embeddings.append(embedding) }
  func enter(head: Linear) { heads.append(head) }

  /// Every linear layer that adapters can be put on.
  public var adaptable: [Linear] { linears + heads }

  /// The number of values of all parameters.
  public var parameterCount: Int { entries.reduce(0) { $0 + $1.parameter.shape.count } }
}
