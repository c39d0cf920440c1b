// SPDX-License-Identifier: Apache-2.0

/// The numbers of a condition. Raw values are keys in results.
public enum EvaluationMetric: String, Sendable, Codable, CaseIterable, CodingKeyRepresentable {
  /// Nats per token of the reference.
  case loss
  case perplexity
  case accuracy
  case macroF1 = "macro_f1"
  case calibrationError = "calibration_error"
  case bleu1 = "bleu_1"
  case bleu2 = "bleu_2"
  case bleu3 = "bleu_3"
  case bleu4 = "bleu_4"
  case rougeL = "rouge_l"
  case cider = "cider_d"

  /// The name in tables.
  public var title: String {
    switch self {
    case .loss: "Loss"
    case .perplexity: "Perplexity"
    case .accuracy: "Accuracy"
    case .macroF1: "Macro-F1"
    case .calibrationError: "Calibration error"
    case .bleu1: "BLEU-1"
    case .bleu2: "BLEU-2"
    case .bleu3: "BLEU-3"
    case .bleu4: "BLEU-4"
    case .rougeL: "ROUGE-L"
    case .cider: "CIDEr-D"
    }
  }

  /// Whether more is better.
  public var isGain: Bool {
    switch self {
    case .loss, .perplexity, .calibrationError: false
    default: true
    }
  }

  /// How it is written.
  public var format: NumberFormat { self == .perplexity ? .fixed(2) : .fixed(3) }

  /// The metric by which conditions are compared, of those that were measured.
  public static func main(of measured: some Collection<EvaluationMetric>) -> EvaluationMetric {
    [.accuracy, .cider].first { measured.contains($0) } ?? .loss
  }
}
