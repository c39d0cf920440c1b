// SPDX-License-Identifier: Apache-2.0

/// Draws each channel towards its mean over the picture: `(x - mean) * c + mean`.
public struct LowContrast: Corruption {
  public let name = "contrast"

  public init() {}

  public func apply(
    to image: Image, severity: Severity, using generator: inout some RandomNumberGenerator
  ) -> Image {
    let spread = severity.pick(0.4, 0.3, 0.2, 0.1, 0.05)
    var image = image
    for channel in 0..<3 {
      let indices = stride(from: channel, to: image.pixels.count, by: 3)
      let sum = indices.reduce(0) { $0 + Int(image.pixels[$1]) }
      let mean = Double(sum) / Double(image.width * image.height) / 255
      let table = (0...255).map { level in
        let value = (Double(level) / 255 - mean) * spread + mean
        return UInt8(min(max(value, 0), 1) * 255)
      }
      for index in indices { image.pixels[index] = table[Int(image.pixels[index])] }
    }
    return image
  }
}
