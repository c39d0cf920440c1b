// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Adds normal noise to every channel of every pixel: `x + c * n`, on values in `0 ... 1`.
public struct GaussianNoise: Corruption {
  public let name = "gaussian-noise"

  public init() {}

  public func apply(
    to image: Image, severity: Severity, using generator: inout some RandomNumberGenerator
  ) -> Image {
    let strength = severity.pick(0.08, 0.12, 0.18, 0.26, 0.38)
    var image = image
    for index in image.pixels.indices {
      let value = Double(image.pixels[index]) / 255 + strength * normal(using: &generator)
      image.pixels[index] = UInt8(min(max(value, 0), 1) * 255)
    }
    return image
  }

  /// A standard normal number (Box and Muller's formula, the cosine half).
  private func normal(using generator: inout some RandomNumberGenerator) -> Double {
    let radius = (-2 * log(1 - Double.random(in: 0..<1, using: &generator))).squareRoot()
    return radius * cos(2 * .pi * Double.random(in: 0..<1, using: &generator))
  }
}
