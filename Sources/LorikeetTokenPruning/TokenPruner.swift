// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// What a pruner may look at: the patch tokens of one picture.
public struct PruningInput {
  /// The attention that each patch receives in the encoder, `[patches]`, row by row; nil unless the
  /// pruner asked for it.
  public var significance: [Float]?
  public var grid: (rows: Int, columns: Int)
  /// Random numbers for methods that draw.
  public var random: RandomStream

  public init(significance: [Float]?, grid: (rows: Int, columns: Int), random: RandomStream) {
    self.significance = significance
    self.grid = grid
    self.random = random
  }

  public var patches: Int { grid.rows * grid.columns }
}

/// What is left of the patches.
public struct PrunedTokens: Sendable {
  /// Patches that go on as they are, ascending; for merged tokens, a patch in the place of each.
  public var kept: [Int]
  /// Weights that make new tokens out of old ones, `[kept, patches]`; nil where tokens go on as they
  /// are.
  public var mixing: Tensor?

  public init(kept: [Int], mixing: Tensor? = nil) {
    self.kept = kept
    self.mixing = mixing
  }
}

/// A way to reduce the number of visual tokens.
public protocol TokenPruner: Sendable {
  /// The name in options and reports.
  static var name: String { get }
  /// Whether `PruningInput.significance` has to be there.
  static var needsSignificance: Bool { get }
  /// Whether the same picture gives the same tokens every time, so that features can be cached.
  static var isDeterministic: Bool { get }

  /// - Parameter amount: the number after the colon in `name:amount`.
  /// - Throws: `PruningError` if the method has no use for it.
  init(amount: Double) throws(PruningError)

  func prune(_ input: PruningInput) -> PrunedTokens
}

/// All methods; a new one is a file and a line here.
public enum TokenPruners {
  public static let all: [any TokenPruner.Type] = [
    FoPruRank.self, FoPruRow.self, RandomPruning.self, UniformPruning.self, PoolPruning.self,
  ]
}

/// A pruning option that cannot be used.
public enum PruningError: Error, Sendable, Equatable, CustomStringConvertible {
  case unknown(String)
  case ratio(method: String, amount: Double)
  case notANumber(String)

  public var description: String {
    switch self {
    case .unknown(let name):
      "pruning \(name): unknown method; methods: "
        + TokenPruners.all.map { $0.name }.joined(separator: ", ")
    case .ratio(let method, let amount):
      "pruning \(method): \(amount) is out of range; expected "
        + (method == PoolPruning.name
          ? "the side of a window, 1 or more" : "the share of tokens to keep, above 0 and up to 1")
    case .notANumber(let text): "pruning \(text): expected METHOD:NUMBER, as in fopru-rank:0.25"
    }
  }
}

/// A method with its amount, written `fopru-rank:0.25`, and how positions are counted.
public struct PruningSpecification: Sendable, CustomStringConvertible {
  public let pruner: any TokenPruner
  public let description: String

  /// - Throws: `PruningError` for an unknown method or an amount out of range.
  public init(_ text: String) throws(PruningError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let amount = Double(parts[1]), amount.isFinite else {
      throw .notANumber(text)
    }
    guard let type = TokenPruners.all.first(where: { $0.name == parts[0] }) else {
      throw .unknown(String(parts[0]))
    }
    pruner = try type.init(amount: amount)
    description = text
  }

  public var needsSignificance: Bool { type(of: pruner).needsSignificance }
  public var isDeterministic: Bool { type(of: pruner).isDeterministic }
}

extension TokenPruner {
  /// A share of tokens to keep, above 0 and up to 1.
  static func checked(ratio: Double) throws(PruningError) -> Double {
    guard ratio > 0, ratio <= 1 else { throw .ratio(method: name, amount: ratio) }
    return ratio
  }

  /// How many of `count` a share is: rounded, at least one.
  static func kept(_ ratio: Double, of count: Int) -> Int {
    min(count, max(1, Int((ratio * Double(count)).rounded())))
  }

  /// The indices of the `k` largest scores, ascending; of equal scores the first come first.
  static func largest(_ k: Int, of scores: [Float]) -> [Int] {
    scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }.prefix(k).sorted()
  }
}
