// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetAutograd
public import LorikeetLayers
public import LorikeetTensors
public import LorikeetVisionEncoders

/// The configuration of a pair of towers that embed pictures and texts side by side.
public struct DualEncoderConfiguration: Sendable {
  public let vision: any VisionEncoderConfiguration
  public let text: TextTowerConfiguration
  /// The width of the common space if both towers are projected into it; nil if they end in it.
  public let projection: Int?

  /// Every family of dual encoders; a new one is a name here.
  public static let families = ModelFamilies<Self>([.clip, .siglip])
}

extension DualEncoderConfiguration: Decodable {
  public init(from decoder: any Decoder) throws {
    self = try Self.families.configuration(ConfigurationValues(decoder))
  }
}

extension ModelFamily<DualEncoderConfiguration> {
  /// CLIP (Radford et al., 2021).
  public static var clip: Self {
    ModelFamily("clip") { values in
      DualEncoderConfiguration(
        vision: try VisionEncoderFamilies.all.configuration(
          values.nested("vision_config"), default: "clip_vision_model"),
        text: try TextTowerConfiguration(clip: values.nested("text_config")),
        projection: try values.whole("projection_dim", default: 512, most: 1 << 20))
    }
  }
  /// SigLIP (Zhai et al., 2023) and SigLIP 2 of fixed resolution.
  public static var siglip: Self {
    ModelFamily("siglip") { values in
      DualEncoderConfiguration(
        vision: try VisionEncoderFamilies.all.configuration(
          values.nested("vision_config"), default: "siglip_vision_model"),
        text: try TextTowerConfiguration(siglip: values.nested("text_config")), projection: nil)
    }
  }
}

/// Two towers that embed pictures and texts in one space, where those that belong together are near.
public final class DualEncoder {
  public let index: ModuleIndex
  public let encoder: any VisionEncoder
  public let tower: TextTower
  private let visualProjection: Linear?
  private let textProjection: Linear?
  private let logitScale: Parameter
  private let logitBias: Parameter?

  /// - Throws: `ConfigurationError` if the towers do not end in one space.
  public init(
    _ c: DualEncoderConfiguration, _ source: LayerScope.Source, path: String
  ) throws(ConfigurationError) {
    index = ModuleIndex()
    let root = LayerScope(source, index: index)
    logitScale = root.parameter("logit_scale", c.projection == nil ? [1] : [])
    logitBias = c.projection == nil ? root.parameter("logit_bias", [1]) : nil
    tower = TextTower(c.text, root.scoped("text_model"))
    encoder = c.vision.makeEncoder(root.scoped("vision_model"))
    guard encoder.pools, c.projection != nil || encoder.width == c.text.outputs else {
      throw ConfigurationError(
        path: path,
        "the towers do not end in one space: pictures \(encoder.pools ? encoder.width : 0), texts "
          + "\(c.text.outputs)")
    }
    func projection(_ name: String, _ inputs: Int) -> Linear? {
      c.projection.map { root.linear(name, inputs: inputs, outputs: $0, bias: false) }
    }
    visualProjection = projection("visual_projection", encoder.width)
    textProjection = projection("text_projection", c.text.width)
  }

  /// Whether a picture's logits compete (softmax) or stand each alone (sigmoid).
  public var competes: Bool { logitBias == nil }

  /// Unit vectors of pictures of one size, `[images, width]`.
  ///
  /// - Parameter pixels: `[images, 3, height, width]`.
  public func imageEmbeddings(_ pixels: Tensor) -> Tensor {
    Self.unit(projected(Variable(encoder.pooledRows(pixels)), visualProjection, .image))
  }

  /// Unit vectors of texts, `[texts, width]`: see `TextTower.encode`.
  public func textEmbeddings(_ texts: [[Int]], present: [Range<Int>]? = nil) -> Tensor {
    Self.unit(
      projected(
        tower.encode(texts, present: present, tape: .inference), textProjection, .text))
  }

  /// exp(scale) image . text + bias for each picture and text, `[images, texts]`.
  public func logits(images: Tensor, texts: Tensor) -> Tensor {
    var logits = Kernels.product(images, texts, transposeB: true)
    Kernels.scale(&logits, by: exp(logitScale.variable.value.scalar))
    if let bias = logitBias?.variable.value.scalar {
      Kernels.accumulate(Tensor(repeating: bias, logits.shape), into: &logits)
    }
    return logits
  }

  private func projected(_ x: Variable, _ layer: Linear?, _ modality: Modality) -> Tensor {
    guard let layer else { return x.value }
    let context = ForwardContext(tape: .inference, lengths: [x.shape.rows], modality: modality)
    return layer(x, context).value
  }

  /// Rows divided by their lengths; rows of zeros stay.
  static func unit(_ x: Tensor) -> Tensor {
    var values: [Float] = []
    values.reserveCapacity(x.count)
    for row in 0..<x.rows {
      let line = x.rows(row..<row + 1)
      let length = Float(Kernels.sumOfSquares(line).squareRoot())
      values += line.values.map { length > 0 ? $0 / length : $0 }
    }
    return Tensor(values, x.shape)
  }
}
