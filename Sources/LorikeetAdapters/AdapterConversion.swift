// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetAutograd
internal import LorikeetCheckpoints
internal import LorikeetLayers
internal import LorikeetTensors

/// How much of what an adapter changes is kept when it becomes plain LoRA.
public enum AdapterTruncation: Sendable, Equatable {
  /// The best approximation of this rank (Eckart and Young, 1936).
  case rank(Int)
  /// The smallest rank whose squared singular values add up to this share of all of them.
  case energy(Double)
}

/// What a conversion has lost.
public struct ConversionReport: Sendable {
  /// The modules whose names end in the same word.
  public struct Group: Sendable {
    public let name: String
    public let modules: Int
    /// The ranks that they have now.
    public let ranks: ClosedRange<Int>
    /// |delta - its approximation| / |delta| over the group, in Frobenius norms; 0 for a delta of zero.
    public let error: Double
  }
  public let groups: [Group]
  /// The same over all modules.
  public let error: Double

  /// One module's part.
  struct Part {
    let name: String
    let rank: Int
    /// The squared norms of what was there and of what is lost.
    let whole: Double
    let lost: Double
  }

  init(_ parts: [Part]) {
    func error(_ parts: [Part]) -> Double {
      let whole = parts.reduce(0) { $0 + $1.whole }
      return whole > 0 ? (parts.reduce(0) { $0 + $1.lost } / whole).squareRoot() : 0
    }
    func word(_ part: Part) -> String {
      String(part.name.split(separator: ".").last ?? "")
    }
    var order: [String] = []
    for part in parts where !order.contains(word(part)) { order.append(word(part)) }
    groups = order.map { name in
      let own = parts.filter { word($0) == name }
      let ranks = own.map(\.rank)
      return Group(
        name: name, modules: own.count, ranks: (ranks.min() ?? 0)...(ranks.max() ?? 0),
        error: error(own))
    }
    self.error = error(parts)
  }
}

extension Adapter {
  /// The adapter as plain LoRA, whatever its method: W + delta stays what it was, up to what is cut off.
  ///
  /// LoRA keeps its factors, and DoRA its form, unless something is to be cut off.
  ///
  /// - Parameter truncation: what is kept; nil for all, which methods of full rank cannot do.
  /// - Throws: `AdapterError.cannotConvert` naming the module.
  public func asLoRA(
    _ truncation: AdapterTruncation? = nil
  ) throws(AdapterError) -> (weights: LoRAWeights, report: ConversionReport) {
    var modules: [LoRAWeights.Module] = []
    var parts: [ConversionReport.Part] = []
    func add(
      _ name: String, _ own: LowRankForm?, isEmbedding: Bool, _ delta: () -> LinearDelta
    ) throws(AdapterError) {
      if truncation == nil, let own {
        modules.append(
          LoRAWeights.Module(
            name: name, isEmbedding: isEmbedding, a: own.a, b: own.b, scale: own.scale,
            bias: own.bias, magnitude: own.magnitude))
        parts.append(.init(name: name, rank: own.a.rows, whole: 1, lost: 0))
        return
      }
      guard let truncation else {
        throw .cannotConvert(
          source: "adapter \(self.name)",
          reason:
            "\(type(of: configuration).peftType) is of full rank on \(name): say what of it is "
            + "to be kept, as a rank or a share")
      }
      let delta = delta()
      guard let found = delta.weight.singularValues else {
        throw .cannotConvert(
          source: "adapter \(self.name)", reason: "\(name) has no singular value decomposition")
      }
      let (a, b, part) = Self.cut(found, truncation, name: name)
      parts.append(part)
      modules.append(
        LoRAWeights.Module(
          name: name, isEmbedding: isEmbedding, a: a, b: b, scale: 1, bias: delta.bias))
    }
    for (linear, term) in terms {
      try add(linear.name, Self.form(of: term), isEmbedding: false) { term.delta(on: linear) }
    }
    // Weights that PEFT has saved along with the terms say nothing if they are the model's own.
    var kept = replaced.filter { $0.trains || !$0.isUnchanged }
      .map { (name: $0.key, tensor: $0.parameter.stored) }
    for (embedding, term) in embeddingTerms {
      guard !term.replacesRows else {
        kept += term.parameters.map { ($0.name, $0.stored) }
        continue
      }
      try add(embedding.name, Self.form(of: term), isEmbedding: true) {
        LinearDelta(term.delta(on: embedding))
      }
    }
    var weights = LoRAWeights(modules, settings: LoRAConfiguration(keeping: configuration))
    weights.kept = kept
    return (weights, ConversionReport(parts))
  }

  /// What already is LoRA or DoRA.
  private typealias LowRankForm = (
    a: Tensor, b: Tensor, scale: Float, bias: Tensor?, magnitude: Tensor?
  )

  private static func form(of term: any LinearTerm) -> LowRankForm? {
    let dora = term as? MagnitudeAdapter
    guard let own = dora?.lowRank ?? term as? LowRankAdapter else { return nil }
    return (
      own.a.variable.value, own.b.variable.value, own.scale, own.bias?.variable.value,
      dora?.magnitude.variable.value
    )
  }

  private static func form(of term: any EmbeddingTerm) -> LowRankForm? {
    let dora = term as? MagnitudeEmbedding
    guard let own = dora?.lowRank ?? term as? LowRankEmbedding else { return nil }
    return (
      own.a.variable.value, own.b.variable.value, own.scale, nil, dora?.magnitude.variable.value
    )
  }

  /// The first singular values, their roots on both sides.
  static func cut(
    _ found: SingularValues, _ truncation: AdapterTruncation, name: String
  ) -> (a: Tensor, b: Tensor, part: ConversionReport.Part) {
    let squares = found.values.map { Double($0) * Double($0) }
    let whole = squares.reduce(0, +)
    // Below this, singular values are rounding, not what the adapter has learnt.
    let noise = (found.values.first ?? 0) * 1e-6
    var rank = max(1, found.values.count { $0 > noise })
    switch truncation {
    case .rank(let asked): rank = min(rank, max(asked, 1))
    case .energy(let share):
      var sum = 0.0
      for (place, square) in squares.enumerated().prefix(rank) {
        sum += square
        if sum >= share * whole {
          rank = place + 1
          break
        }
      }
    }
    rank = min(rank, found.values.count)
    let roots = Tensor(found.values.prefix(rank).map { $0.squareRoot() }, [rank])
    let a = Kernels.scaleRows(found.v.rows(0..<rank), by: roots)
    let b = Kernels.scaleColumns(Kernels.columns(found.u, 0..<rank), by: roots)
    let part = ConversionReport.Part(
      name: name, rank: rank, whole: whole, lost: squares.dropFirst(rank).reduce(0, +))
    return (a, b, part)
  }
}

extension LoRAWeights {
  /// Writes `adapter_config.json` and `adapter_model.safetensors`, which PEFT opens.
  public func writePEFT(to directory: String) throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try SafetensorsFile.write(tensors, to: directory + "/adapter_model.safetensors")
    try AtomicFile.write(configuration.jsonText, to: directory + "/adapter_config.json")
  }
}
