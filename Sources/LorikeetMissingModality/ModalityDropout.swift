// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// Takes inputs away at random while training, never both of a sample (Neverova et al., "ModDrop",
/// 2016).
public struct ModalityDropout: Sendable, Equatable {
  /// The probability that the picture of a complete sample is taken away.
  public var image: Double
  /// The probability that the text of a complete sample is taken away.
  public var text: Double

  public init(image: Double = 0, text: Double = 0) {
    self.image = image
    self.text = text
  }

  /// What a sample loses.
  public typealias Loss = (image: Bool, text: Bool)

  /// What a complete sample loses. The two events exclude each other; their probabilities are as
  /// given where these sum to at most 1, else scaled down to do so.
  public func draw(_ random: inout RandomStream) -> Loss {
    let total = max(1, image + text)
    let value = Double(random.uniform()) * total
    return (value < image, value >= image && value < image + text)
  }

  /// Every loss that `draw` may return, with its probability.
  public var losses: [(loss: Loss, probability: Double)] {
    let total = max(1, image + text)
    return [
      ((false, false), 1 - (image + text) / total), ((true, false), image / total),
      ((false, true), text / total),
    ].filter { $0.1 > 0 }
  }
}
