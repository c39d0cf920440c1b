// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels
internal import Foundation

/// How the pixels of a resized picture are made of the old ones.
///
/// The raw values are Pillow's, as `resample` in preprocessor_config.json holds them.
public enum ResamplingFilter: Int, Sendable, CaseIterable {
  /// The old pixel at the new one's centre; no antialiasing.
  case nearest = 0
  /// A windowed sinc over three lobes.
  case lanczos = 1
  /// A triangle.
  case bilinear = 2
  /// Keys' cubic with a = -0.5.
  case bicubic = 3
  /// The plain mean.
  case box = 4
  /// A sinc's first lobe under a Hamming window.
  case hamming = 5

  /// What the command line calls the filter.
  public var name: String {
    switch self {
    case .nearest: "nearest"
    case .lanczos: "lanczos"
    case .bilinear: "bilinear"
    case .bicubic: "bicubic"
    case .box: "box"
    case .hamming: "hamming"
    }
  }

  /// The filter of that name, or nil.
  public init?(name: String) {
    guard let filter = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = filter
  }

  /// Half the width over which the filter is not zero, in old pixels when enlarging.
  var support: Double {
    switch self {
    case .nearest: 0
    case .box: 0.5
    case .bilinear, .hamming: 1
    case .bicubic: 2
    case .lanczos: 3
    }
  }

  /// The filter's weight at distance `x`.
  func weight(_ x: Double) -> Double {
    switch self {
    case .nearest: return 0
    case .box: return x > -0.5 && x <= 0.5 ? 1 : 0
    case .bilinear: return max(1 - abs(x), 0)
    case .hamming:
      let x = abs(x)
      if x == 0 { return 1 }
      // Pillow has the window's two constants in single precision, which shows in the last bit.
      return x >= 1
        ? 0 : Self.sinc(x) * (Double(Float(0.54)) + Double(Float(0.46)) * cos(x * .pi))
    case .bicubic:
      let (a, x) = (-0.5, abs(x))
      if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
    case .lanczos: return x >= -3 && x < 3 ? Self.sinc(x) * Self.sinc(x / 3) : 0
    }
  }

  private static func sinc(_ x: Double) -> Double {
    x == 0 ? 1 : sin(x * .pi) / (x * .pi)
  }
}

extension Image {
  /// The picture at another size, with antialiasing when it shrinks.
  ///
  /// Each of two passes, over rows and over columns, sums 8-bit values times coefficients of 22
  /// fraction bits and rounds to 8 bits, so the result is that of `Image.resize` of Pillow 13, byte
  /// for byte. (Pillow before 13 always passes over rows first; some bytes then differ by a level.)
  ///
  /// Cost: about `width * height * 3 * taps` products a pass, taps = 2 * support * shrinkage + 1.
  ///
  /// - Parameter name: what errors call the picture.
  /// - Throws: `ImageError.badSize` or `.tooLarge` for sizes that are not positive or beyond the limits.
  public func resized(
    width: Int, height: Int, filter: ResamplingFilter, name: String = "resized picture",
    limits: ImageLimits = .default
  ) throws(ImageError) -> Image {
    guard width > 0, height > 0 else { throw .badSize(name: name, width: width, height: height) }
    try limits.check(width: width, height: height, name: name)
    if width == self.width, height == self.height { return self }
    if filter == .nearest { return picked(width: width, height: height) }

    // A picture that loses far more rows than columns is resampled downwards first. The order shows in
    // the rounding, so the condition is Pillow's.
    let (fewerRows, fewerColumns) = (self.height - height, self.width - width)
    if fewerRows > 0, fewerRows > 2 * fewerColumns {
      return resampledDown(height, filter).resampledAcross(width, filter)
    }
    try limits.check(width: width, height: self.height, name: name)
    return resampledAcross(width, filter).resampledDown(height, filter)
  }

  private func resampledAcross(_ width: Int, _ filter: ResamplingFilter) -> Image {
    guard width != self.width else { return self }
    let taps = Taps(from: self.width, to: width, filter)
    let result = [UInt8](unsafeUninitializedCapacity: height * width * 3) { target, count in
      count = height * width * 3
      lk_resample_rows(
        pixels, self.width * 3, height, target.baseAddress, width, taps.spans, taps.coefficients,
        taps.count)
    }
    return Image(width: width, height: height, pixels: result)
  }

  private func resampledDown(_ height: Int, _ filter: ResamplingFilter) -> Image {
    guard height != self.height else { return self }
    let taps = Taps(from: self.height, to: height, filter)
    let result = [UInt8](unsafeUninitializedCapacity: height * width * 3) { target, count in
      count = height * width * 3
      lk_resample_columns(
        pixels, width * 3, target.baseAddress, height, taps.spans, taps.coefficients, taps.count)
    }
    return Image(width: width, height: height, pixels: result)
  }

  private func picked(width: Int, height: Int) -> Image {
    /// The positions are summed, not multiplied: so does Pillow, and the rounding shows.
    func positions(from old: Int, to new: Int) -> [Int32] {
      let step = Double(old) / Double(new)
      var position = step * 0.5
      return (0..<new).map { _ in
        defer { position += step }
        return Int32(min(Int(position), old - 1))
      }
    }
    var result = [UInt8](repeating: 0, count: width * height * 3)
    lk_pick_pixels(
      pixels, self.width, &result, width, height, positions(from: self.width, to: width),
      positions(from: self.height, to: height))
    return Image(width: width, height: height, pixels: result)
  }
}

/// The old positions and their coefficients for each position along one side.
struct Taps {
  let spans: [lk_span]
  /// `count` for each new position, a multiple of `LK_TAP_GROUP`; those past its span are zero.
  let coefficients: [Int32]
  let count: Int

  init(from old: Int, to new: Int, _ filter: ResamplingFilter) {
    let scale = Double(old) / Double(new)
    let shrinkage = max(scale, 1)
    let support = filter.support * shrinkage
    let group = Int(LK_TAP_GROUP)
    let count = (Int(support.rounded(.up)) * 2 + group) / group * group
    var spans: [lk_span] = []
    var coefficients = [Int32](repeating: 0, count: new * count)
    var weights = [Double](repeating: 0, count: count)
    spans.reserveCapacity(new)
    for position in 0..<new {
      let center = (Double(position) + 0.5) * scale
      let first = max(Int(center - support + 0.5), 0)
      let end = min(Int(center + support + 0.5), old)
      var sum = 0.0
      for tap in 0..<(end - first) {
        weights[tap] = filter.weight((Double(tap + first) - center + 0.5) * (1 / shrinkage))
        sum += weights[tap]
      }
      for tap in 0..<(end - first) {
        let scaled = (sum == 0 ? weights[tap] : weights[tap] / sum) * Double(1 << LK_RESAMPLE_BITS)
        coefficients[position * count + tap] = Int32(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
      }
      spans.append(lk_span(first: Int32(first), count: Int32(end - first)))
    }
    self.spans = spans
    self.coefficients = coefficients
    self.count = count
  }
}
