// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
internal import LorikeetImages
public import LorikeetLayers
public import LorikeetProjectors
internal import LorikeetTensors
public import LorikeetTextDecoders
public import LorikeetVisionEncoders

/// A text decoder and, joined to it by a projector in LLaVA's layout, an image encoder. Without the
/// encoder it is a language model.
public final class VisionLanguageModel {
  /// What sees.
  public struct Vision {
    public let encoder: any VisionEncoder
    public let projector: any Projector
    /// Indices of the hidden states whose features are joined, from 0; none for the last hidden state
    /// after the encoder's norm.
    let featureLayers: [Int]
    let selection: FeatureSelection
    let arrangement: VisionLanguageConfiguration.Arrangement
    /// Whether the tiles of a picture stand apart in a prompt.
    let hasTiles: Bool
    /// What stands after each row of tiles, `[decoder width]`.
    let newline: Parameter?
    /// The token that holds the place of image features.
    public let imageToken: Int

    /// Which of the encoder's states the features are, in words that differ where they do.
    public var featureDescription: String {
      "layers \(featureLayers) \(selection.rawValue) \(arrangement)"
    }

    /// Tokens of one square picture of the encoder's size that reach the decoder unpruned; of a model
    /// that cuts pictures into tiles, those of one tile.
    public var imageTokens: Int {
      let side = encoder.imageSize / encoder.patchSize / squareSide
      return side * side + encoder.prefixTokens - (selection == .full ? 0 : 1)
    }

    /// Values of a visual token before the projector.
    package var featureWidth: Int {
      encoder.width * max(featureLayers.count, 1) * squareSide * squareSide
    }

    /// Patches on each side of the square that becomes one token.
    var squareSide: Int { if case .pixelShuffle(let side) = arrangement { side } else { 1 } }
  }

  public let index: ModuleIndex
  public let decoder: any TextDecoder
  /// Tokens that end an answer.
  public internal(set) var endTokens: Set<Int>
  public let vision: Vision?
  /// Whether the tokens of a prompt see one another both ways.
  public let promptSeesItself: Bool
  /// How pictures stand in prompts.
  public let layout: PictureLayout
  /// Whether positions have three axes, and pictures lie on a plane.
  let hasPlanePositions: Bool
  /// Where the parts stand in the module tree, below `model`.
  let names: VisionLanguageConfiguration.Names?

  /// Where the parts of a model come from.
  public struct Sources {
    public var encoder: LayerScope.Source
    public var projector: LayerScope.Source
    public var decoder: LayerScope.Source

    public init(
      encoder: LayerScope.Source, projector: LayerScope.Source, decoder: LayerScope.Source
    ) {
      self.encoder = encoder
      self.projector = projector
      self.decoder = decoder
    }
  }

  /// Builds a language model.
  public init(_ configuration: TextDecoderConfiguration, _ source: LayerScope.Source) {
    index = ModuleIndex()
    let root = LayerScope(source, index: index)
    decoder = TransformerDecoder(configuration, model: root.scoped("model"), head: root)
    endTokens = Set(decoder.endTokens)
    vision = nil
    promptSeesItself = false
    layout = PictureLayout()
    names = nil
    hasPlanePositions = false
  }

  /// Builds a vision-language model. Module names are transformers'
  /// (`model.language_model.layers.0...`); weights stand in files under the family's names
  /// (`language_model.model.layers.0...`).
  ///
  /// - Throws: `ConfigurationError` if the configuration asks for features that the encoder has not.
  public init(
    _ c: VisionLanguageConfiguration, _ sources: Sources, path: String
  ) throws(ConfigurationError) {
    index = ModuleIndex()
    let names = c.names
    let root = LayerScope(sources.encoder, index: index)
    let model = root.scoped("model", stored: names.model)
    let encoder = c.vision.makeEncoder(model.scoped(names.encoder))
    decoder = TransformerDecoder(
      c.text,
      model: model.reading(sources.decoder).scoped(names.text, stored: names.storedText),
      head: root.reading(sources.decoder).scoped("", stored: names.head))
    var layers: [Int] = []
    if case .hidden(let asked) = c.features {
      let states = encoder.layerCount + 1
      layers = asked.map { $0 < 0 ? $0 + states : $0 }
      guard !layers.isEmpty, layers.allSatisfy({ $0 >= 0 && $0 < states }) else {
        throw ConfigurationError(
          path: path,
          "vision_feature_layer \(asked) is outside of the encoder's \(states) hidden states")
      }
    }
    guard c.imageToken >= 0 else {
      throw ConfigurationError(path: path, "image_token_index \(c.imageToken) is negative")
    }
    var width = encoder.width * max(layers.count, 1)
    if case .pixelShuffle(let side) = c.arrangement {
      guard (encoder.imageSize / encoder.patchSize).isMultiple(of: side) else {
        throw ConfigurationError(
          path: path,
          "scale_factor \(side) does not divide the encoder's "
            + "\(encoder.imageSize / encoder.patchSize) patches a side")
      }
      width *= side * side
    }
    let ownParts = model.reading(sources.projector)
    let projector = c.makeProjector(ownParts.scoped(names.projector), width, decoder.width)
    var newline: Parameter?
    if case .anyResolution(let grids) = c.arrangement {
      let tile = encoder.imageSize
      guard grids.sizes.allSatisfy({ $0.allSatisfy { $0.isMultiple(of: tile) } }) else {
        throw ConfigurationError(
          path: path, "image_grid_pinpoints \(grids.sizes) are not multiples of \(tile)")
      }
      newline = ownParts.parameter("image_newline", [decoder.width], initial: .normal(0.02))
    }
    vision = Vision(
      encoder: encoder, projector: projector, featureLayers: layers, selection: c.selection,
      arrangement: c.arrangement,
      // A layout that puts the whole picture in its place has no use for them.
      hasTiles: c.layout.pieces(nil) != [.picture], newline: newline, imageToken: c.imageToken)
    endTokens = Set(decoder.endTokens)
    promptSeesItself = c.promptSeesItself
    layout = c.layout
    self.names = names
    hasPlanePositions = !c.text.rotary.sections.isEmpty
  }
}
