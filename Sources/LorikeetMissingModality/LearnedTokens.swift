// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
public import LorikeetTensors

/// Learned embeddings stand in for a missing input, their own for each modality: the input-level form
/// of missing-aware prompts (Lee et al., "Multimodal prompting with missing modalities for visual
/// recognition", 2023, section 3.3), placed where the input would be.
public final class LearnedTokens: MissingModalityStrategy {
  private let tokens: [Modality: Parameter]

  /// New tokens.
  ///
  /// - Parameters:
  ///   - count: rows for each modality.
  ///   - deviation: the standard deviation of the initial values, as that of the decoder's embeddings.
  public init(count: Int, width: Int, deviation: Float, seed: UInt64) {
    var tokens: [Modality: Parameter] = [:]
    for modality in [Modality.missingImage, .missingText] {
      var stream = RandomStream.derive(seed: seed, label: modality.rawValue)
      tokens[modality] = Parameter(
        name: modality.rawValue + "_tokens",
        Initializer.normal(deviation).tensor([count, width], &stream), isTrainable: true)
    }
    self.tokens = tokens
  }

  /// Tokens that were saved, by modality, each `[rows, width]`.
  public init(_ values: [Modality: Tensor]) {
    tokens = Dictionary(
      uniqueKeysWithValues: values.map { ($0, Parameter(name: $0.rawValue + "_tokens", $1)) })
  }

  public func standIn(for modality: Modality) -> Variable? { tokens[modality]?.variable }

  public var parameters: [(name: String, parameter: Parameter)] {
    tokens.values.map { ($0.name, $0) }.sorted { $0.0 < $1.0 }
  }
}
