// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetLayers
import LorikeetTestSupport
import Testing

@Suite struct RotaryConfigurationTests {
  private struct Configuration: Decodable {
    let rotary: RotaryConfiguration

    init(from decoder: any Decoder) throws {
      let values = try ConfigurationValues(decoder)
      rotary = try RotaryConfiguration(
        values, maxPositions: 64, headWidth: values.value("head_dim", default: 16))
    }
  }

  /// - Parameter text: the value of `rope_parameters`.
  private func decode(_ text: String, more: String = "") throws -> RotaryConfiguration {
    let whole = #"{"rope_parameters": \#(text)\#(more)}"#
    return try JSONDecoder().decode(Configuration.self, from: Data(whole.utf8)).rotary
  }

  @Test func frequenciesArePowersOfTheta() {
    let found = RotaryConfiguration(theta: 10_000).frequencies(headWidth: 8)
    expectClose(found.map { Float($0) }, [1, 0.1, 0.01, 0.001], tolerance: 1e-6)
    #expect(RotaryConfiguration().frequencies(headWidth: 0).isEmpty)
  }

  @Test func linearScalingDivides() throws {
    let c = try decode(#"{"rope_theta": 10000, "rope_type": "linear", "factor": 4}"#)
    expectClose(
      c.frequencies(headWidth: 4).map { Float($0) }, [0.25, 0.0025], tolerance: 1e-6)
  }

  /// `_compute_llama3_parameters` of transformers 5.23.0, the values of Llama 3.2, head_dim 16.
  @Test func llama3ScalesLowFrequencies() throws {
    let c = try decode(
      #"""
      {"rope_theta": 500000.0, "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
      "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
      """#)
    let found = c.frequencies(headWidth: 16)
    let expected: [Float] = [
      1.0, 0.193922758102417, 0.03760603070259094, 0.00729266507551074, 0.000429556705057621,
      8.570255886297673e-06, 1.6619674170215148e-06, 3.2229328894572973e-07,
    ]
    for (a, b) in zip(found, expected) {
      expectClose([Float(a)], [b], tolerance: 2e-6, floor: 1e-12)
    }
    #expect(found.count == expected.count)
  }

  @Test func kindsThatAreNotKnownAreRefused() {
    #expect(throws: DecodingError.self) { try decode(#"{"rope_type": "axial", "factor": 2}"#) }
    #expect(throws: DecodingError.self) { try decode(#"{"rope_type": "linear", "factor": 0}"#) }
    #expect(throws: DecodingError.self) { try decode(#"{"partial_rotary_factor": 0.01}"#) }
    #expect(throws: DecodingError.self) {
      try decode(#"{"rope_type": "longrope", "short_factor": [1], "long_factor": [1]}"#)
    }
    #expect(throws: DecodingError.self) { try decode(#"{"rope_type": "linear"}"#) }
    #expect(throws: DecodingError.self) { try decode(#"{"rope_type": 3}"#) }
  }
}
