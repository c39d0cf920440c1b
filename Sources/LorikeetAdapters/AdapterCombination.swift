// SPDX-License-Identifier: Apache-2.0

internal import LorikeetLayers
internal import LorikeetTensors

/// How several LoRA adapters become one, each with a weight w: PEFT's `add_weighted_adapter`.
///
/// Unlike there, rank stabilisation in the first adapter does not change the scale of the result.
public enum AdapterCombination: Sendable, Equatable, CustomStringConvertible {
  /// A = sum sign(w s) sqrt|w s| A_i, B = sum sqrt|w s| B_i: of the same rank, but no sum of the terms.
  case linear
  /// The factors side by side: the sum of w s B_i A_i itself, of the sum of the ranks.
  case cat
  /// The best approximation of that sum; of the largest rank of the adapters if there is none given.
  case svd(rank: Int?)

  /// `linear`, `cat`, `svd` or `svd:RANK`; nil for anything else.
  public init?(text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    switch (parts.first, parts.count) {
    case ("linear", 1): self = .linear
    case ("cat", 1): self = .cat
    case ("svd", 1): self = .svd(rank: nil)
    case ("svd", 2):
      guard let rank = Int(parts[1]), rank > 0 else { return nil }
      self = .svd(rank: rank)
    default: return nil
    }
  }

  public var description: String {
    switch self {
    case .linear: "linear"
    case .cat: "cat"
    case .svd(let rank): "svd" + (rank.map { ":\($0)" } ?? "")
    }
  }

  /// - Throws: `AdapterError.selection` for another method than LoRA, biases, and ranks that `linear`
  ///   cannot add up.
  func combine(_ adapters: [(adapter: Adapter, weight: Float)]) throws(AdapterError) -> LoRAWeights
  {
    var order: [String] = []
    var found: [String: [(module: LoRAWeights.Module, factor: Float, adapter: String)]] = [:]
    var kept: [(name: String, tensor: StoredTensor)] = []
    var settings = LoRAConfiguration()
    var largest = 1
    for (place, entry) in adapters.enumerated() {
      let (adapter, weight) = entry
      guard let configuration = adapter.configuration as? LoRAConfiguration,
        !configuration.usesDoRA, !configuration.hasLoRABias, configuration.trainableTokens.isEmpty,
        configuration.bias == .none
      else {
        throw .selection(
          reason: "\(adapter.name) is not plain LoRA, and nothing else can be combined")
      }
      if place == 0 { settings = configuration }
      settings.modulesToSave += configuration.modulesToSave.filter {
        !settings.modulesToSave.contains($0)
      }
      let weights = try adapter.asLoRA().weights
      kept += weights.kept
      for module in weights.modules {
        if found[module.name] == nil { order.append(module.name) }
        found[module.name, default: []].append((module, weight * module.scale, adapter.name))
        largest = max(largest, module.rank)
      }
    }
    var modules: [LoRAWeights.Module] = []
    for name in order {
      guard let terms = found[name], let first = terms.first?.module else { continue }
      let (a, b) = try join(terms, name: name, largest: largest)
      modules.append(
        LoRAWeights.Module(name: name, isEmbedding: first.isEmbedding, a: a, b: b, scale: 1))
    }
    var weights = LoRAWeights(modules, settings: settings)
    weights.kept = kept
    return weights
  }

  /// The factors of one module's sum.
  private func join(
    _ terms: [(module: LoRAWeights.Module, factor: Float, adapter: String)], name: String,
    largest: Int
  ) throws(AdapterError) -> (a: Tensor, b: Tensor) {
    switch self {
    case .linear:
      var sum: (a: Tensor, b: Tensor)?
      for (module, factor, adapter) in terms {
        let root = abs(factor).squareRoot()
        var (a, b) = (module.a, module.b)
        Kernels.scale(&a, by: factor < 0 ? -root : root)
        Kernels.scale(&b, by: root)
        if let so = sum {
          guard so.a.shape == a.shape else {
            throw .selection(
              reason:
                "linear needs equal ranks, and on \(name) \(terms[0].adapter) has \(so.a.rows) "
                + "and \(adapter) \(a.rows)")
          }
          sum = (Kernels.add(so.a, a), Kernels.add(so.b, b))
        } else {
          sum = (a, b)
        }
      }
      return sum ?? (terms[0].module.a, terms[0].module.b)
    case .cat, .svd:
      let a = Kernels.gatherRows(
        terms.map { module, factor, _ in
          var a = module.a
          Kernels.scale(&a, by: factor)
          return (a, 0..<a.rows)
        }, width: terms[0].module.a.width)
      let b = Kernels.joinColumns(terms.map(\.module.b))
      guard case .svd(let rank) = self else { return (a, b) }
      guard let values = Kernels.singularValues(of: b, times: a) else {
        throw .selection(reason: "\(name) has no singular value decomposition")
      }
      let cut = Adapter.cut(values, .rank(rank ?? largest), name: name)
      return (cut.a, cut.b)
    }
  }
}
