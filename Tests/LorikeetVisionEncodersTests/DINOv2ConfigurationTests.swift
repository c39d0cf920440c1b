// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAutograd
import LorikeetLayers
import LorikeetTensors
import LorikeetVisionEncoders
import Testing

@Suite struct DINOv2ConfigurationTests {
  private func decode(_ text: String) throws -> DINOv2Configuration {
    let whole = text.replacingOccurrences(of: "{", with: #"{"model_type": "dinov2", "#)
      .replacingOccurrences(of: ", }", with: "}")
    let any = try JSONDecoder().decode(
      AnyVisionEncoderConfiguration.self, from: Data(whole.utf8))
    return try #require(any.value as? DINOv2Configuration)
  }

  @Test func defaultsAreThoseOfTransformers() throws {
    let c = try decode("{}")
    #expect((c.hiddenSize, c.layers, c.heads, c.patchSize, c.imageSize) == (768, 12, 12, 14, 224))
    #expect(c.epsilon == 1e-6)
    #expect(c.activation == .gelu)
    #expect(try decode("{\"mlp_ratio\": 4}") == decode("{\"mlp_ratio\": 4.0}"))
  }

  @Test(arguments: [
    #"{"hidden_size": 0}"#, #"{"hidden_size": 10, "num_attention_heads": 3}"#,
    #"{"image_size": 7, "patch_size": 14}"#, #"{"mlp_ratio": -1}"#, #"{"mlp_ratio": 1e300}"#,
    #"{"use_swiglu_ffn": true}"#, #"{"num_hidden_layers": 99999999999}"#, #"{"hidden_act": 3}"#,
  ])
  func impossibleValuesAreRefused(text: String) {
    #expect(throws: DecodingError.self) { try decode(text) }
  }

  @Test func newWeightsEncode() throws {
    let c = try decode(
      #"""
      {"hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "mlp_ratio": 2,
      "image_size": 8, "patch_size": 4}
      """#)
    let model = c.makeEncoder(LayerScope(.random(seed: 1), index: ModuleIndex()))
    let output = model.encode(
      Tensor(repeating: 0.5, [2, 3, 8, 8]), request: EncoderRequest(), tape: .inference,
      isTraining: false, random: RandomStream(seed: 0))
    #expect(output.tokens == 5)
    #expect(output.grid == (2, 2))
    #expect(output.lastHiddenState?.shape == [10, 12])
    #expect(output.lastHiddenState?.value.values.allSatisfy { $0.isFinite } == true)
  }
}
