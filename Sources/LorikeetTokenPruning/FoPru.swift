// SPDX-License-Identifier: Apache-2.0

// FoPru: focal pruning for efficient large vision-language models (Jiang et al., 2024,
// arXiv:2411.14164): token significance, token pruning, token reordering; no training.
//
// Significance of patch j: with A^h the softmax attention of head h in the encoder block whose output
// gives the visual features, s_j = sum_i (1/H) sum_h A^h[i, j], the attention that j receives, over
// all tokens i. The rows and columns of prefix tokens (the class token) are dropped from the result,
// not from the sum over i. What goes on keeps its reading order.

/// FoPru, rank strategy: the patches of the highest significance, wherever they are.
public struct FoPruRank: TokenPruner {
  public static let name = "fopru-rank"
  public static let needsSignificance = true
  public static let isDeterministic = true
  private let ratio: Double

  /// - Parameter amount: the share of patches to keep.
  public init(amount: Double) throws(PruningError) { ratio = try Self.checked(ratio: amount) }

  public func prune(_ input: PruningInput) -> PrunedTokens {
    let scores = input.significance ?? []
    precondition(scores.count == input.patches, "FoPruRank: \(scores.count) scores")
    return PrunedTokens(kept: Self.largest(Self.kept(ratio, of: scores.count), of: scores))
  }
}

/// FoPru, row strategy: the rows of patches of the highest total significance, whole.
public struct FoPruRow: TokenPruner {
  public static let name = "fopru-row"
  public static let needsSignificance = true
  public static let isDeterministic = true
  private let ratio: Double

  /// - Parameter amount: the share of rows to keep.
  public init(amount: Double) throws(PruningError) { ratio = try Self.checked(ratio: amount) }

  public func prune(_ input: PruningInput) -> PrunedTokens {
    let scores = input.significance ?? []
    precondition(scores.count == input.patches, "FoPruRow: \(scores.count) scores")
    let (rows, columns) = input.grid
    let totals = (0..<rows).map { row in
      scores[row * columns..<(row + 1) * columns].reduce(0, +)
    }
    let chosen = Self.largest(Self.kept(ratio, of: rows), of: totals)
    return PrunedTokens(kept: chosen.flatMap { Array($0 * columns..<($0 + 1) * columns) })
  }
}
