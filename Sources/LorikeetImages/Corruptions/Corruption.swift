// SPDX-License-Identifier: Apache-2.0

/// One kind of damage to a picture, in five degrees, to measure how robust a model is.
///
/// Kinds and strengths follow ImageNet-C, whose strengths are meant for pictures of 224 x 224: damage
/// the picture as the encoder displays it.
///
/// Source: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
/// Perturbations", 2019, https://arxiv.org/abs/1903.12261.
public protocol Corruption: Sendable {
  /// What the command line calls it.
  var name: String { get }

  /// A damaged copy of the picture.
  func apply(
    to image: Image, severity: Severity, using generator: inout some RandomNumberGenerator
  ) throws(ImageError) -> Image
}

/// How strong the damage is: 1 is light, 5 heavy.
public enum Severity: Int, Sendable, CaseIterable {
  case one = 1
  case two, three, four, five

  /// The one of five strengths that belongs to this severity.
  package func pick<Strength>(
    _ one: Strength, _ two: Strength, _ three: Strength, _ four: Strength, _ five: Strength
  ) -> Strength {
    switch self {
    case .one: one
    case .two: two
    case .three: three
    case .four: four
    case .five: five
    }
  }
}

/// Every kind of damage; a new kind is a file and a line here.
public enum Corruptions {
  public static let all: [any Corruption] = [
    GaussianNoise(),
    GaussianBlur(),
    JPEGCompression(),
    LowContrast(),
  ]

  /// The kind of that name, or nil.
  public static func named(_ name: String) -> (any Corruption)? { all.first { $0.name == name } }
}
