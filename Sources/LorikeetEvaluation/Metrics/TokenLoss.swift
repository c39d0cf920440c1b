// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The negative log-likelihood of tokens, summed over samples of any length.
///
/// loss = Σ -ln p(token) / tokens, in nats per token; perplexity = exp(loss). Every token counts
/// the same, whatever sample it stands in.
public struct TokenLoss: Sendable, Equatable {
  /// Σ -ln p, in nats.
  public private(set) var sum = 0.0
  /// The number of tokens that were predicted.
  public private(set) var tokens = 0

  public init() {}

  public init(sum: Double, tokens: Int) {
    self.sum = sum
    self.tokens = tokens
  }

  /// Adds the tokens of a sample or a batch.
  public mutating func add(sum: Double, tokens: Int) {
    self.sum += sum
    self.tokens += tokens
  }

  public static func += (total: inout TokenLoss, loss: TokenLoss) {
    total.add(sum: loss.sum, tokens: loss.tokens)
  }

  /// Nats per token; NaN without tokens.
  public var mean: Double { tokens > 0 ? sum / Double(tokens) : .nan }
  /// exp(mean), at least 1 for a probability model; NaN without tokens.
  public var perplexity: Double { exp(mean) }

  /// The sum over chosen samples, as a bootstrap wants it.
  public static func total(_ losses: [TokenLoss], at indices: [Int]) -> TokenLoss {
    indices.reduce(into: TokenLoss()) { $0 += losses[$1] }
  }
}
