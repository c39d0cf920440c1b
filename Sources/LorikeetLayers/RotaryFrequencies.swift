// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetTensors

/// The rotary part of a decoder's configuration: `rope_parameters`, or `rope_theta` with
/// `rope_scaling` in older files.
public struct RotaryConfiguration: Sendable, Equatable {
  /// How frequencies are stretched for longer contexts.
  public enum Scaling: Sendable, Equatable {
    case none
    /// All frequencies divided by a factor.
    case linear(Double)
    /// The base grows with the sequence once that is longer than the model's context (NTK-aware
    /// scaling).
    case dynamic(factor: Double, positions: Int)
    /// Low frequencies divided by a factor, high ones kept, a ramp between (Llama 3.1).
    case llama3(factor: Double, low: Double, high: Double, positions: Int)
    /// The same by rotations within the context (Peng et al., "YaRN", 2023).
    case yarn(factor: Double, fast: Double, slow: Double, positions: Int, truncates: Bool)
    /// A divisor for each frequency, one set for sequences within the first context and one for
    /// longer ones (Ding et al., "LongRoPE", 2024).
    case longRope(short: [Double], long: [Double], positions: Int)
  }
  public var theta: Double
  public var scaling: Scaling
  /// The part of a head's channels, from the first, that is rotated.
  public var partialFactor: Double
  /// What cosines and sines are multiplied by.
  public var attentionFactor: Double
  /// Pairs of channels in a row that turn by one axis each: time, rows, columns and again; empty where
  /// positions have one axis.
  public var sections: [Int] = []

  public init(
    theta: Double = 10_000, scaling: Scaling = .none, partialFactor: Double = 1,
    attentionFactor: Double = 1
  ) {
    self.theta = theta
    self.scaling = scaling
    self.partialFactor = partialFactor
    self.attentionFactor = attentionFactor
  }

  /// Channels of a head that are rotated.
  public func channels(headWidth: Int) -> Int { Int(Double(headWidth) * partialFactor) }

  /// Radians per position for each pair of channels: theta^(-2 i / channels), stretched as the
  /// scaling says.
  ///
  /// - Parameter length: tokens of the sequence, which some scalings look at.
  public func frequencies(headWidth: Int, length: Int = 0) -> [Double] {
    let width = channels(headWidth: headWidth)
    var base = theta
    if case .dynamic(let factor, let positions) = scaling, width > 2 {
      let ratio = Double(max(length, positions)) / Double(positions)
      base *= pow(factor * ratio - (factor - 1), Double(width) / Double(width - 2))
    }
    let plain = (0..<width / 2).map { 1 / pow(base, Double(2 * $0) / Double(width)) }
    switch scaling {
    case .none, .dynamic: return plain
    case .linear(let factor): return plain.map { $0 / factor }
    case .llama3(let factor, let low, let high, let positions):
      return plain.map { frequency in
        let turns = Double(positions) * frequency / (2 * Double.pi)
        if turns > high { return frequency }
        if turns < low { return frequency / factor }
        let smooth = (turns - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
    case .yarn(let factor, let fast, let slow, let positions, let truncates):
      // The pair that turns `rotations` times within the context.
      func pair(_ rotations: Double) -> Double {
        Double(width) * log(Double(positions) / (rotations * 2 * Double.pi)) / (2 * log(theta))
      }
      let first = max(truncates ? pair(fast).rounded(.down) : pair(fast), 0)
      var last = min(truncates ? pair(slow).rounded(.up) : pair(slow), Double(width - 1))
      if first == last { last += 0.001 }
      return plain.enumerated().map { i, frequency in
        let ramp = min(max((Double(i) - first) / (last - first), 0), 1)
        return frequency / factor * ramp + frequency * (1 - ramp)
      }
    case .longRope(let short, let long, let positions):
      return zip(plain, length > positions ? long : short).map { $0 / $1 }
    }
  }

  private var dependsOnLength: Bool {
    switch scaling {
    case .dynamic, .longRope: true
    default: false
    }
  }

  /// The angles of rows at the given positions.
  ///
  /// - Parameters:
  ///   - plane: the other axes, for configurations with sections.
  ///   - segments: which rows belong to one sequence.
  public func table(
    positions: [Int], plane: PlanePositions? = nil, segments: [AttentionSegment], headWidth: Int
  ) -> RotaryTable {
    if let plane, !sections.isEmpty {
      let axes = [positions, plane.rows, plane.columns]
      let axisOfPair = sections.enumerated().flatMap { Array(repeating: $0 % 3, count: $1) }
      let frequencies = frequencies(headWidth: headWidth)
      return RotaryTable(
        rows: positions.count, pairs: frequencies.count, scale: Float(attentionFactor)
      ) { row, pair in Float(axes[axisOfPair[pair]][row]) * Float(frequencies[pair]) }
    }
    guard dependsOnLength else {
      return RotaryTable(
        positions: positions, frequencies: frequencies(headWidth: headWidth),
        scale: Float(attentionFactor))
    }
    var rows: [[Double]] = Array(repeating: [], count: positions.count)
    for segment in segments {
      let length = (positions[segment.queries].max() ?? 0) + 1
      let chosen = frequencies(headWidth: headWidth, length: length)
      for row in segment.queries { rows[row] = chosen }
    }
    return RotaryTable(
      rows: positions.count, pairs: channels(headWidth: headWidth) / 2,
      scale: Float(attentionFactor)
    ) { row, pair in Float(positions[row]) * Float(rows[row][pair]) }
  }
}

extension RotaryConfiguration {
  /// Reads the rotary keys of a decoder's configuration.
  ///
  /// - Parameters:
  ///   - maxPositions: the decoder's context.
  ///   - renamed: kinds of scaling that go by another name in this family.
  /// - Throws: `DecodingError` naming the key.
  public init(
    _ values: ConfigurationValues, maxPositions: Int, headWidth: Int,
    renamed: [String: String] = [:]
  ) throws {
    let key = try Self.key(values)
    let nested = try key.map { try values.nested($0) }
    func number(_ name: String) throws -> Double? { try nested?.optional(name) }
    func refusal(_ name: String, _ reason: String) -> DecodingError {
      (nested ?? values).refusal(name, reason)
    }
    self.init(
      theta: try number("rope_theta") ?? values.value("rope_theta", default: 10_000),
      partialFactor: try number("partial_rotary_factor")
        ?? values.value("partial_rotary_factor", default: 1))
    guard theta > 1, theta.isFinite else {
      throw refusal("rope_theta", "\(theta) is out of range")
    }
    guard partialFactor > 0, partialFactor <= 1, channels(headWidth: headWidth) >= 2,
      channels(headWidth: headWidth).isMultiple(of: 2)
    else { throw refusal("partial_rotary_factor", "\(partialFactor) of \(headWidth) channels") }
    let written: String? = try nested?.optional("rope_type") ?? nested?.optional("type")
    let kind = written.map { renamed[$0] ?? $0 } ?? "default"
    func positive(_ name: String, default standard: Double? = nil) throws -> Double {
      guard let value = try number(name) ?? standard else {
        throw refusal(name, "is missing, and \(kind) scaling needs it")
      }
      guard value > 0, value.isFinite else { throw refusal(name, "\(value) is out of range") }
      return value
    }
    // transformers lets the key beside the rotary ones win.
    let firstPositions: Int =
      try values.optional("original_max_position_embeddings")
      ?? nested?.optional("original_max_position_embeddings") ?? maxPositions
    guard firstPositions > 0 else {
      throw refusal("original_max_position_embeddings", "\(firstPositions) is out of range")
    }
    let stretch = Double(maxPositions) / Double(firstPositions)
    switch kind {
    case "default", "mrope": scaling = .none
    case "linear": scaling = .linear(try positive("factor"))
    case "dynamic":
      scaling = .dynamic(factor: try positive("factor"), positions: maxPositions)
    case "llama3":
      scaling = .llama3(
        factor: try positive("factor"), low: try positive("low_freq_factor", default: 1),
        high: try positive("high_freq_factor", default: 4), positions: firstPositions)
    case "yarn":
      let factor = try positive("factor", default: stretch)
      scaling = .yarn(
        factor: factor, fast: try number("beta_fast") ?? 32, slow: try number("beta_slow") ?? 1,
        positions: firstPositions, truncates: try nested?.optional("truncate") ?? true)
      func scale(_ more: Double) -> Double { factor <= 1 ? 1 : 0.1 * more * log(factor) + 1 }
      let (above, below) = (try number("mscale"), try number("mscale_all_dim"))
      attentionFactor =
        if let given = try number("attention_factor") {
          given
        } else if let above, let below, above != 0, below != 0 {
          scale(above) / scale(below)
        } else {
          scale(1)
        }
    case "longrope":
      let (short, long) = (try factors("short_factor"), try factors("long_factor"))
      scaling = .longRope(short: short, long: long, positions: firstPositions)
      let factor = try positive("factor", default: stretch)
      attentionFactor =
        try number("attention_factor")
        ?? (factor <= 1 ? 1 : (1 + log(factor) / log(Double(firstPositions))).squareRoot())
    default:
      throw refusal(
        "rope_type",
        "\(kind) is not supported, expected default, linear, dynamic, llama3, yarn or longrope")
    }
    guard attentionFactor.isFinite else { throw refusal("attention_factor", "is not finite") }

    if let given: [Int] = try nested?.optional("mrope_section") {
      let pairs = channels(headWidth: headWidth) / 2
      guard given.allSatisfy({ 1...pairs ~= $0 }), given.count <= pairs,
        given.reduce(0, +) == pairs, scaling == .none
      else {
        throw refusal(
          "mrope_section", "\(given) does not divide \(pairs) pairs of channels, unscaled")
      }
      sections = given
    }

    func factors(_ name: String) throws -> [Double] {
      let list: [Double] = try nested?.optional(name) ?? []
      guard list.count == channels(headWidth: headWidth) / 2, list.allSatisfy({ $0 > 0 }) else {
        throw refusal(
          name, "expected \(channels(headWidth: headWidth) / 2) positive numbers, found \(list)")
      }
      return list
    }
  }

  /// Where the rotary keys stand; nil for none. A `rope_scaling` that is not null wins.
  private static func key(_ values: ConfigurationValues) throws -> String? {
    struct Object: Decodable {
      let isEmpty: Bool
      init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
        guard !keys.contains(where: { $0.hasSuffix("_attention") }) else {
          throw DecodingError.dataCorrupted(
            .init(
              codingPath: decoder.codingPath,
              debugDescription: "one set of rotary keys for each kind of layer is not supported"))
        }
        isEmpty = keys.isEmpty
      }
    }
    for key in ["rope_scaling", "rope_parameters"] {
      if let object: Object = try values.optional(key), !object.isEmpty { return key }
    }
    return nil
  }

  private struct AnyKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}
