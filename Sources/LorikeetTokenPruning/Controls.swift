// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

/// A control: patches drawn at random.
public struct RandomPruning: TokenPruner {
  public static let name = "random"
  public static let needsSignificance = false
  public static let isDeterministic = false
  private let ratio: Double

  /// - Parameter amount: the share of patches to keep.
  public init(amount: Double) throws(PruningError) { ratio = try Self.checked(ratio: amount) }

  public func prune(_ input: PruningInput) -> PrunedTokens {
    var order = Array(0..<input.patches)
    var random = input.random
    random.shuffle(&order)
    return PrunedTokens(kept: order.prefix(Self.kept(ratio, of: order.count)).sorted())
  }
}

/// A control: patches at equal distances in reading order.
public struct UniformPruning: TokenPruner {
  public static let name = "uniform"
  public static let needsSignificance = false
  public static let isDeterministic = true
  private let ratio: Double

  /// - Parameter amount: the share of patches to keep.
  public init(amount: Double) throws(PruningError) { ratio = try Self.checked(ratio: amount) }

  public func prune(_ input: PruningInput) -> PrunedTokens {
    let count = Self.kept(ratio, of: input.patches)
    let step = Double(input.patches) / Double(max(count, 1))
    return PrunedTokens(kept: (0..<count).map { Int((Double($0) + 0.5) * step) })
  }
}
