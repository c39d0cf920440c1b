// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
internal import LorikeetTensors

/// Every parameter, linear layer and table of embeddings of a model, in the order in which it was built.
public final class ModuleIndex {
  /// A parameter and its place in the module tree (its own name is the one in the checkpoint).
  public struct Entry {
    public let modulePath: String
    public let parameter: Parameter
  }
  public private(set) var entries: [Entry] = []
  public private(set) var linears: [Linear] = []
  public private(set) var embeddings: [Embedding] = []

  public init() {}

  public var parameters: [Parameter] { entries.map(\.parameter) }

  func enter(_ parameter: Parameter, modulePath: String) {
    entries.append(Entry(modulePath: modulePath, parameter: parameter))
  }
  func enter(_ linear: Linear) { linears.append(linear) }
  func enter(_ embedding: Embedding) { embeddings.append(embedding) }

  /// The number of values of all parameters.
  public var parameterCount: Int { entries.reduce(0) { $0 + $1.parameter.shape.count } }
}
