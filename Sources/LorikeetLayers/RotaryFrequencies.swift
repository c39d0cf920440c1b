// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The rotary part of a decoder's configuration: `rope_parameters`, or `rope_theta` with
/// `rope_scaling` in older files.
public struct RotaryConfiguration: Sendable, Equatable, Codable {
  /// How frequencies are stretched for longer contexts; raw values as in the configurations.
  public enum Kind: String, Sendable, Codable {
    case `default`
    /// All frequencies divided by `factor`.
    case linear
    /// Low frequencies divided by `factor`, high ones kept, a ramp between (Llama 3.1).
    case llama3
  }
  public var theta: Double
  public var kind: Kind
  public var factor: Double?
  public var lowFrequencyFactor: Double?
  public var highFrequencyFactor: Double?
  public var originalMaxPositions: Int?

  public init(theta: Double = 10_000, kind: Kind = .default) {
    self.theta = theta
    self.kind = kind
  }

  enum CodingKeys: String, CodingKey {
    case theta = "rope_theta"
    case kind = "rope_type"
    case legacyKind = "type"
    case factor
    case lowFrequencyFactor = "low_freq_factor"
    case highFrequencyFactor = "high_freq_factor"
    case originalMaxPositions = "original_max_position_embeddings"
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    theta = try values.decodeIfPresent(Double.self, forKey: .theta) ?? 10_000
    kind =
      try values.decodeIfPresent(Kind.self, forKey: .kind)
      ?? values.decodeIfPresent(Kind.self, forKey: .legacyKind) ?? .default
    factor = try values.decodeIfPresent(Double.self, forKey: .factor)
    lowFrequencyFactor = try values.decodeIfPresent(Double.self, forKey: .lowFrequencyFactor)
    highFrequencyFactor = try values.decodeIfPresent(Double.self, forKey: .highFrequencyFactor)
    originalMaxPositions = try values.decodeIfPresent(Int.self, forKey: .originalMaxPositions)
    if kind != .default, factor == nil {
      throw DecodingError.keyNotFound(
        CodingKeys.factor,
        .init(codingPath: decoder.codingPath, debugDescription: "rope scaling needs a factor"))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(theta, forKey: .theta)
    try values.encode(kind, forKey: .kind)
    try values.encodeIfPresent(factor, forKey: .factor)
    try values.encodeIfPresent(lowFrequencyFactor, forKey: .lowFrequencyFactor)
    try values.encodeIfPresent(highFrequencyFactor, forKey: .highFrequencyFactor)
    try values.encodeIfPresent(originalMaxPositions, forKey: .originalMaxPositions)
  }

  /// Radians per position for each pair of channels: theta^(-2 i / headWidth), stretched as the kind
  /// says.
  public func frequencies(headWidth: Int) -> [Double] {
    (0..<headWidth / 2).map { i in
      let frequency = 1 / pow(theta, Double(2 * i) / Double(headWidth))
      switch kind {
      case .default: return frequency
      case .linear: return frequency / (factor ?? 1)
      case .llama3:
        let (factor, low) = (factor ?? 8, lowFrequencyFactor ?? 1)
        let high = highFrequencyFactor ?? 4
        let length = Double(originalMaxPositions ?? 8192)
        let wavelength = 2 * Double.pi / frequency
        if wavelength < length / high { return frequency }
        if wavelength > length / low { return frequency / factor }
        let smooth = (length / wavelength - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
    }
  }
}
