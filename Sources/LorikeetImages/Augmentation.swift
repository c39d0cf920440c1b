// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Random changes to a picture that do not change what it shows, for training.
///
/// The random numbers come from the generator passed in, and the same number of them is drawn for
/// each picture of the same size whatever they turn out to be, except by the search for a crop.
public struct Augmentation: Sendable, Equatable {
  /// The probability of exchanging left and right, in `0 ... 1`.
  public var flipProbability: Double
  /// The share of the area that a random crop keeps, or nil for no crop.
  public var cropScale: ClosedRange<Double>?
  /// The crop's width over its height before it is resized.
  public var cropRatio: ClosedRange<Double>
  /// Brightness is multiplied by up to this much more or less than 1.
  public var brightness: Double
  /// Contrast is multiplied by up to this much more or less than 1.
  public var contrast: Double

  public init(
    flipProbability: Double = 0, cropScale: ClosedRange<Double>? = nil,
    cropRatio: ClosedRange<Double> = 3.0 / 4...4.0 / 3, brightness: Double = 0, contrast: Double = 0
  ) {
    self.flipProbability = flipProbability
    self.cropScale = cropScale
    self.cropRatio = cropRatio
    self.brightness = brightness
    self.contrast = contrast
  }

  /// A changed copy of the picture, of the size of the crop: resizing is left to the processor.
  public func callAsFunction(
    _ image: Image, using generator: inout some RandomNumberGenerator
  ) -> Image {
    var image = image
    if let cropScale {
      image = image.cropped(
        to: image.randomCropRect(scale: cropScale, ratio: cropRatio, using: &generator))
    }
    if Double.random(in: 0..<1, using: &generator) < flipProbability {
      image = image.flippedHorizontally()
    }
    return image.jittered(brightness: brightness, contrast: contrast, using: &generator)
  }
}

extension Image {
  /// A random part of the picture, resized.
  ///
  /// Source: Szegedy et al., "Going Deeper with Convolutions", 2014, https://arxiv.org/abs/1409.4842,
  /// section 6, in the form of torchvision's RandomResizedCrop.
  public func randomResizedCrop(
    width: Int, height: Int, scale: ClosedRange<Double> = 0.08...1,
    ratio: ClosedRange<Double> = 3.0 / 4...4.0 / 3, filter: ResamplingFilter = .bilinear,
    using generator: inout some RandomNumberGenerator
  ) throws(ImageError) -> Image {
    try cropped(to: randomCropRect(scale: scale, ratio: ratio, using: &generator))
      .resized(width: width, height: height, filter: filter)
  }

  /// A rectangle inside the picture with a random share of its area and a random ratio of sides.
  ///
  /// Areas are drawn evenly, ratios evenly in their logarithm. After ten draws that do not fit, it
  /// is the largest middle part whose ratio is in range.
  public func randomCropRect(
    scale: ClosedRange<Double>, ratio: ClosedRange<Double>,
    using generator: inout some RandomNumberGenerator
  ) -> PixelRect {
    precondition(
      scale.lowerBound > 0 && ratio.lowerBound > 0, "randomCropRect: ranges must be positive")
    for _ in 0..<10 {
      let area = Double(width * height) * Double.random(in: scale, using: &generator)
      let shape = exp(
        Double.random(in: log(ratio.lowerBound)...log(ratio.upperBound), using: &generator))
      let (w, h) = ((area * shape).squareRoot().rounded(), (area / shape).squareRoot().rounded())
      guard w >= 1, h >= 1, w <= Double(width), h <= Double(height) else { continue }
      return PixelRect(
        x: Int.random(in: 0...width - Int(w), using: &generator),
        y: Int.random(in: 0...height - Int(h), using: &generator), width: Int(w), height: Int(h))
    }
    let shape = Double(width) / Double(height)
    let closest = min(max(shape, ratio.lowerBound), ratio.upperBound)
    let w = shape > closest ? max(Int((Double(height) * closest).rounded()), 1) : width
    let h = shape < closest ? max(Int((Double(width) / closest).rounded()), 1) : height
    return centerCropRect(width: w, height: h)
  }

  /// The picture with its brightness, then its contrast, multiplied by random factors.
  ///
  /// A factor is drawn evenly from `1 - strength ... 1 + strength`, at least 0. Contrast moves
  /// values away from, or towards, the mean of the picture's luminance (ITU-R 601).
  public func jittered(
    brightness: Double, contrast: Double, using generator: inout some RandomNumberGenerator
  ) -> Image {
    func factor(_ strength: Double) -> Double {
      let strength = abs(strength)
      return Double.random(in: max(1 - strength, 0)...1 + strength, using: &generator)
    }
    let (light, spread) = (factor(brightness), factor(contrast))
    guard light != 1 || spread != 1 else { return self }
    var image = self
    image.mapLevels { Double($0) * light }
    let mean = image.meanLuminance()
    image.mapLevels { mean + (Double($0) - mean) * spread }
    return image
  }

  /// Replaces each 8-bit value by a function of it, rounded and clipped.
  package mutating func mapLevels(_ body: (UInt8) -> Double) {
    let table = (0...255).map { UInt8(min(max(body(UInt8($0)).rounded(), 0), 255)) }
    for index in pixels.indices { pixels[index] = table[Int(pixels[index])] }
  }

  private func meanLuminance() -> Double {
    var sums = (0, 0, 0)
    for index in stride(from: 0, to: pixels.count, by: 3) {
      sums.0 += Int(pixels[index])
      sums.1 += Int(pixels[index + 1])
      sums.2 += Int(pixels[index + 2])
    }
    return (0.299 * Double(sums.0) + 0.587 * Double(sums.1) + 0.114 * Double(sums.2))
      / Double(width * height)
  }
}
