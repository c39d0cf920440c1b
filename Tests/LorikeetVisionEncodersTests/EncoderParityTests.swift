// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAutograd
import LorikeetCheckpoints
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetVisionEncoders
import Testing

/// Every family of encoders against transformers: see Tests/Reference.
@Suite struct EncoderParityTests {
  static let cases = [
    "dinov2", "dinov2-interpolated", "dinov2-registers", "clip", "siglip",
  ].flatMap { ["models/\($0)/seed-1", "models/\($0)/seed-2"] }

  private func load(_ name: String) throws
    -> (ReferenceCase, any VisionEncoder, ModuleIndex)
  {
    let reference = try ReferenceCase(name)
    let reader = CheckpointReader(try Checkpoint(directory: reference.modelDirectory))
    let index = ModuleIndex()
    let model = try reference.configuration(AnyVisionEncoderConfiguration.self).value
      .makeEncoder(LayerScope(.checkpoint(reader), index: index))
    try reader.finish()
    return (reference, model, index)
  }

  private func encode(
    _ model: any VisionEncoder, _ pixels: Tensor, _ request: EncoderRequest = EncoderRequest(),
    tape: Tape = .inference
  ) -> EncoderOutput {
    model.encode(
      pixels, request: request, tape: tape, isTraining: false, random: RandomStream(seed: 0))
  }

  @Test(arguments: cases) func hiddenStatesAndAttention(name: String) throws {
    let (reference, model, _) = try load(name)
    let pixels = try reference.input("pixel_values")
    var request = EncoderRequest()
    let last = model.layerCount - 1
    request.hiddenLayers = [0, last]
    request.attentionLayers = [last - 1, last]
    request.significanceLayers = [last]
    request.needsPooled = true
    let output = encode(model, pixels, request)
    let hidden = try #require(output.lastHiddenState)
    expectClose(
      hidden.value.values, try reference.expected("last_hidden_state").values, tolerance: 1e-4,
      "last_hidden_state")
    let images = pixels.shape[0]
    expectClose(
      output.pooled?.value.values ?? [], try reference.expected("pooler_output").values,
      tolerance: 1e-4, "pooler_output")
    expectClose(
      output.hidden[last]?.value.values ?? [], try reference.expected("hidden.penultimate").values,
      tolerance: 1e-4, "hidden.penultimate")
    for (layer, key) in [(last - 1, "attention.penultimate"), (last, "attention.last")] {
      let found = try #require(output.attention[layer])
      #expect(found.count == images)
      expectClose(
        found.flatMap(\.values), try reference.expected(key).values, tolerance: 1e-4, key)
    }
    // Column sums: probabilities summed over queries, averaged over heads.
    let expected = try reference.expected("attention.last")
    let (heads, tokens) = (expected.shape[1], expected.shape[2])
    var sums = [Float](repeating: 0, count: images * tokens)
    for (index, p) in expected.values.enumerated() {
      sums[index / (heads * tokens * tokens) * tokens + index % tokens] += p / Float(heads)
    }
    expectClose(output.significance[last]?.values ?? [], sums, tolerance: 1e-4, "significance")
  }

  @Test(arguments: cases.filter { !$0.contains("dinov2/") })
  func positionsAreInterpolated(name: String) throws {
    let (reference, model, _) = try load(name)
    let sizes = reference.inputNames.filter { $0.hasPrefix("pixel_values.") }
    #expect(sizes.count >= 2)
    for key in sizes {
      let size = key.dropFirst("pixel_values.".count)
      let output = encode(model, try reference.input(key))
      let expected = try reference.expected("last_hidden_state.\(size)")
      #expect(output.tokens == expected.shape[1])
      expectClose(
        output.lastHiddenState?.value.values ?? [], expected.values, tolerance: 1e-4, String(size))
    }
  }

  @Test func onlyTheBlocksAskedForAreRun() throws {
    let (reference, model, _) = try load("models/dinov2/seed-1")
    var request = EncoderRequest()
    request.hiddenLayers = [model.layerCount - 1]
    request.needsLastHiddenState = false
    let output = encode(model, try reference.input("pixel_values"), request)
    #expect(output.lastHiddenState == nil)
    expectClose(
      output.hidden[model.layerCount - 1]?.value.values ?? [],
      try reference.expected("hidden.penultimate").values, tolerance: 1e-4)
  }

  /// The whole encoder by finite differences, with interpolated positions.
  @Test(arguments: [
    ("dinov2-interpolated", "10x40"), ("dinov2-registers", "30x35"), ("clip", "15x10"),
    ("siglip", "30x35"),
  ])
  func gradientsReachEveryParameter(name: String, size: String) throws {
    let (reference, model, index) = try load("models/\(name)/seed-1")
    let pixels = try reference.input("pixel_values.\(size)")
    for parameter in index.parameters { parameter.isTrainable = true }
    let tape = Tape(isRecording: true)
    // The last hidden state and, below it, the pooled rows.
    func rows(_ tape: Tape) throws -> LorikeetAutograd.Variable {
      var request = EncoderRequest()
      request.needsPooled = true
      let output = encode(model, pixels, request, tape: tape)
      let pooled = try #require(output.pooled)
      let hidden = try #require(output.lastHiddenState)
      return tape.joinRows(
        [(hidden, 0..<hidden.shape.rows), (pooled, 0..<pooled.shape.rows)], width: model.width)
    }
    let output = try rows(tape)
    let form = Tensor.random(output.shape, seed: 3)
    tape.backward(from: output, seed: form)
    func value() throws -> Double {
      zip(try rows(.inference).value.values, form.values).reduce(0) {
        $0 + Double($1.0) * Double($1.1)
      }
    }
    var stream = RandomStream(seed: 4)
    for entry in index.entries {
      let parameter = entry.parameter
      if entry.modulePath == "embeddings.mask_token" {
        #expect(parameter.variable.gradient == nil)
        continue
      }
      let gradient = try #require(parameter.variable.gradient, "\(entry.modulePath)")
      #expect(gradient.shape == parameter.shape)
      // Along a random direction, which sees all elements at once.
      let original = parameter.variable.value
      let direction = (0..<original.count).map { _ in stream.normal() }
      let h: Float = 2e-3
      func moved(_ factor: Float) throws -> Double {
        parameter.replace(
          with: Tensor(
            zip(original.values, direction).map { $0 + factor * h * $1 }, original.shape))
        return try value()
      }
      let near = try (moved(1) - moved(-1)) / Double(2 * h)
      let far = try (moved(2) - moved(-2)) / Double(4 * h)
      parameter.replace(with: original)
      let found = zip(gradient.values, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
      expectClose(
        [Float(found)], [Float((4 * near - far) / 3)], tolerance: 1e-2, floor: 1, entry.modulePath)
    }
  }

  @Test func namesInTheModuleTreeAreThoseOfPEFT() throws {
    let (_, _, index) = try load("models/dinov2/seed-1")
    let names = index.linears.prefix(6).map(\.name)
    #expect(
      names == ["attention.q_proj", "attention.k_proj", "attention.v_proj", "attention.o_proj"].map
      {
        "encoder.layer.0.\($0)"
      } + ["encoder.layer.0.mlp.fc1", "encoder.layer.0.mlp.fc2"])
  }
}
