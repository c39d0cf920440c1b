// SPDX-License-Identifier: Apache-2.0

/// How much of a score survives a corruption or a missing input.
public enum RelativeRobustness {
  /// 1 - (clean - corrupted) / clean: 1 when nothing is lost, 0 when everything is, above 1 when
  /// the corruption helps. For scores where more is better.
  ///
  /// Source: Chen et al., "Benchmarking Robustness of Adaptation Methods on Pre-trained
  /// Vision-Language Models", NeurIPS 2023, https://arxiv.org/abs/2306.02080.
  /// - Returns: nil if the clean score is 0 or either is not finite.
  public static func score(clean: Double, corrupted: Double) -> Double? {
    guard clean != 0, clean.isFinite, corrupted.isFinite else { return nil }
    return 1 - (clean - corrupted) / clean
  }
}
