// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAdapters
internal import LorikeetAutograd
internal import LorikeetLayers
internal import LorikeetTensors

/// What an adapter is put on in a model.
public struct Attachment: Sendable, Equatable {
  /// Modules of which one name stands in every layer.
  public struct Group: Sendable, Equatable {
    /// The name with `*` for numbers: `model.layers.*.self_attn.q_proj`.
    public let pattern: String
    public let count: Int
    /// The numbers at the first `*`, in the model's order.
    public let layers: [Int]
  }

  /// The adapter's name.
  public let name: String
  /// The modalities on whose rows it acts, sorted; nil for all rows.
  public let modalities: [String]?
  /// The modules that it changes, in the model's order.
  public let modules: [String]
  /// The parameters of the model that it replaces whole.
  public let replaced: [String]
  /// The number of values that it learns.
  public let parameters: Int

  public var groups: [Group] {
    var order: [String] = []
    var layers: [String: [Int]] = [:]
    var counts: [String: Int] = [:]
    for module in modules {
      let parts = module.split(separator: ".").map(String.init)
      let pattern = parts.map { Int($0) == nil ? $0 : "*" }.joined(separator: ".")
      if counts[pattern] == nil { order.append(pattern) }
      counts[pattern, default: 0] += 1
      if let layer = parts.lazy.compactMap({ Int($0) }).first {
        layers[pattern, default: []].append(layer)
      }
    }
    return order.map {
      Group(pattern: $0, count: counts[$0] ?? 0, layers: layers[$0] ?? [])
    }
  }

  /// Puts the adapters of a directory on a model, and says where they are.
  ///
  /// - Throws: an error naming the file if the model or an adapter cannot be opened, if an adapter
  ///   matches nothing of the model, or does not fit what it matches.
  public static func all(of adapter: String, on model: String) throws -> [Attachment] {
    let index = try ModelDirectory(model).open(strict: true).index
    let set = try AdapterSet(directory: adapter, attachingTo: index)
    return set.adapters.map { adapter in
      Attachment(
        name: adapter.name,
        modalities: set.routing.modalities(of: adapter.name).map { $0.map(\.rawValue).sorted() },
        modules: adapter.modules, replaced: adapter.replacedParameters,
        parameters: adapter.parameters.reduce(0) { $0 + $1.parameter.shape.count })
    }
  }
}
