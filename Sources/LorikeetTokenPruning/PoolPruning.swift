// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

/// Averages square windows of patches into one token each (average pooling, as in Cha et al.,
/// "Honeybee", 2024, section 3.2's simplest abstractor). Windows at the edges may be smaller.
public struct PoolPruning: TokenPruner {
  public static let name = "pool"
  public static let needsSignificance = false
  public static let isDeterministic = true
  private let side: Int

  /// - Parameter amount: the side of a window, in patches.
  public init(amount: Double) throws(PruningError) {
    guard amount >= 1, amount <= 1024, amount == amount.rounded() else {
      throw .ratio(method: Self.name, amount: amount)
    }
    side = Int(amount)
  }

  public func prune(_ input: PruningInput) -> PrunedTokens {
    let (rows, columns) = input.grid
    let windowRows = (rows + side - 1) / side
    let windowColumns = (columns + side - 1) / side
    var mixing = Tensor(repeating: 0, [windowRows * windowColumns, rows * columns])
    var centres: [Int] = []
    for windowRow in 0..<windowRows {
      for windowColumn in 0..<windowColumns {
        let ys = windowRow * side..<min((windowRow + 1) * side, rows)
        let xs = windowColumn * side..<min((windowColumn + 1) * side, columns)
        let target = windowRow * windowColumns + windowColumn
        for y in ys {
          for x in xs {
            mixing[flat: target * rows * columns + y * columns + x] = 1 / Float(ys.count * xs.count)
          }
        }
        centres.append(ys.lowerBound * columns + xs.lowerBound)
      }
    }
    return PrunedTokens(kept: centres, mixing: mixing)
  }
}
