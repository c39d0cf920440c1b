// SPDX-License-Identifier: Apache-2.0

/// What a model said to one sample under one condition.
public struct SampleOutcome: Sendable {
  /// The inputs that the model was given.
  public var hasImage: Bool
  public var hasText: Bool
  /// The loss of the reference: a caption's, or that of the right label.
  public var loss: TokenLoss
  /// The caption or the label; nil if none was asked for.
  public var prediction: String?
  /// The mean log probability per token of each label.
  public var scores: [Float] = []
  /// What the loss and the answer took, in seconds: a share of the batch's time.
  var seconds = (loss: 0.0, answer: 0.0)
}

/// What an outcome depends on, apart from the pruning method: conditions share what they can.
struct OutcomeKey: Hashable {
  var sample: Int
  /// The picture that the model sees, nil for none.
  var picture: Int?
  var hasText: Bool
}
