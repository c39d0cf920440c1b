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

  /// What a complete sample loses. The two events exclude each other; their probabilities are as
  /// given where these sum to at most 1, else scaled down to do so.
  public func draw(_ random: inout RandomStream) -> (image: Bool, text: Bool) {
    let total = max(1, image + text)
    let value = Double(random.uniform()) * total
    return (value < image, value >= image && value < image + text)
  }
}
