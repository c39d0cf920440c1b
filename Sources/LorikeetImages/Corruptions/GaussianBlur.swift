// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Convolves with a normal density cut at four standard deviations; edge pixels repeat outwards.
public struct GaussianBlur: Corruption {
  public let name = "gaussian-blur"

  public init() {}

  public func apply(
    to image: Image, severity: Severity, using generator: inout some RandomNumberGenerator
  ) -> Image {
    let deviation = severity.pick(1.0, 2.0, 3.0, 4.0, 6.0)
    let radius = Int(4 * deviation + 0.5)
    var weights = (-radius...radius).map { exp(-0.5 * Double($0 * $0) / (deviation * deviation)) }
    let sum = weights.reduce(0, +)
    for index in weights.indices { weights[index] /= sum }

    let (width, height) = (image.width, image.height)
    var columns = [Double](repeating: 0, count: image.pixels.count)
    for y in 0..<height {
      for (tap, weight) in weights.enumerated() {
        let from = min(max(y + tap - radius, 0), height - 1) * width * 3
        for x in 0..<width * 3 {
          columns[y * width * 3 + x] += weight * Double(image.pixels[from + x])
        }
      }
    }
    var result = image
    for y in 0..<height {
      for x in 0..<width {
        var sums = (0.0, 0.0, 0.0)
        for (tap, weight) in weights.enumerated() {
          let from = (y * width + min(max(x + tap - radius, 0), width - 1)) * 3
          sums.0 += weight * columns[from]
          sums.1 += weight * columns[from + 1]
          sums.2 += weight * columns[from + 2]
        }
        // A tiny allowance: a sum of exact bytes must not fall below its byte by rounding.
        result[x, y] = RGB(
          red: UInt8(sums.0 + 1e-9), green: UInt8(sums.1 + 1e-9), blue: UInt8(sums.2 + 1e-9))
      }
    }
    return result
  }
}
