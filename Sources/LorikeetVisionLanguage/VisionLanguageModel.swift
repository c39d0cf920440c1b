// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
public import LorikeetProjectors
public import LorikeetTensors
public import LorikeetTextDecoders
public import LorikeetTokenPruning
public import LorikeetVisionEncoders

/// A text decoder and, joined to it by a projector in LLaVA's layout, an image encoder. Without the
/// encoder it is a language model.
public final class VisionLanguageModel {
  /// What sees.
  public struct Vision {
    public let encoder: any VisionEncoder
    public let projector: any Projector
    /// Indices of the hidden states whose features are joined, from 0.
    let featureLayers: [Int]
    let selection: FeatureSelection
    /// The token that holds the place of image features.
    public let imageToken: Int

    /// Which of the encoder's states the features are, in words that differ where they do.
    public var featureDescription: String { "layers \(featureLayers) \(selection.rawValue)" }

    /// Tokens of one square picture of the encoder's size that reach the decoder unpruned.
    public var imageTokens: Int {
      let side = encoder.imageSize / encoder.patchSize
      return side * side + encoder.prefixTokens - (selection == .full ? 0 : 1)
    }
  }

  public let index: ModuleIndex
  public let decoder: any TextDecoder
  public let vision: Vision?

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
    vision = nil
  }

  /// Builds a vision-language model. Module names are transformers'
  /// (`model.language_model.layers.0...`); weights stand in files under LLaVA's names
  /// (`language_model.model.layers.0...`).
  ///
  /// - Throws: `ConfigurationError` if the feature layers are not the encoder's.
  public init(
    _ c: LlavaConfiguration, _ sources: Sources, path: String
  ) throws(ConfigurationError) {
    index = ModuleIndex()
    let root = LayerScope(sources.encoder, index: index)
    let model = root.scoped("model", stored: "")
    let encoder = c.vision.makeEncoder(model.scoped("vision_tower"))
    let text = model.reading(sources.decoder).scoped(
      "language_model", stored: "language_model.model")
    decoder = TransformerDecoder(
      c.text, model: text, head: root.reading(sources.decoder).scoped("", stored: "language_model"))
    let states = encoder.layerCount + 1
    let layers = c.featureLayers.map { $0 < 0 ? $0 + states : $0 }
    guard !layers.isEmpty, layers.allSatisfy({ $0 >= 0 && $0 < states }) else {
      throw ConfigurationError(
        path: path,
        "vision_feature_layer \(c.featureLayers) is outside of the encoder's \(states) hidden states"
      )
    }
    guard c.imageToken >= 0 else {
      throw ConfigurationError(path: path, "image_token_index \(c.imageToken) is negative")
    }
    let projector = c.projector.make(
      model.reading(sources.projector).scoped("multi_modal_projector"),
      inputs: encoder.width * layers.count, outputs: decoder.width,
      activation: c.projectorActivation, bias: c.projectorBias)
    vision = Vision(
      encoder: encoder, projector: projector, featureLayers: layers, selection: c.selection,
      imageToken: c.imageToken)
  }
}

/// The visual tokens of one picture, before the projector.
public struct VisualFeatures {
  /// `[rows, encoder width x feature layers]`.
  public var features: Variable
  /// The place of each row among the unpruned tokens, ascending.
  public var positions: [Int]
  /// The number of unpruned tokens.
  public var total: Int
  /// Rows of the grid of patches and its columns.
  public var grid: (rows: Int, columns: Int)

  public init(
    features: Variable, positions: [Int], total: Int, grid: (rows: Int, columns: Int)
  ) {
    self.features = features
    self.positions = positions
    self.total = total
    self.grid = grid
  }

  /// Patches that are left, counted without prefix tokens.
  public var patches: [Int] {
    let prefix = total - grid.rows * grid.columns
    return positions.filter { $0 >= prefix }.map { $0 - prefix }
  }
}

extension VisionLanguageModel {
  /// Encodes pictures of one size and prunes their tokens; nothing without an encoder.
  ///
  /// - Parameter pixels: `[images, 3, height, width]`.
  public func visualFeatures(
    _ pixels: Tensor, pruning: PruningSpecification? = nil, tape: Tape = .inference,
    isTraining: Bool = false, random: RandomStream = RandomStream(seed: 0)
  ) -> [VisualFeatures] {
    guard let vision else { return [] }
    let (encoder, featureLayers) = (vision.encoder, vision.featureLayers)
    var request = EncoderRequest()
    request.hiddenLayers = Set(featureLayers)
    request.needsLastHiddenState = false
    // The attention of the block whose output gives the features.
    let block = (featureLayers.max() ?? 0) - 1
    let isScored = pruning?.needsSignificance == true && block >= 0
    if isScored { request.significanceLayers = [block] }
    let output = encoder.encode(
      pixels, request: request, tape: tape, isTraining: isTraining, random: random)
    let prefix = encoder.prefixTokens
    // The first token, whatever it is: see LLaVA's `vision_feature_select_strategy`.
    let dropped = vision.selection == .patches ? pruning == nil ? 1 : min(prefix, 1) : 0
    let states = featureLayers.compactMap { output.hidden[$0] }
    let joined = states.count == 1 ? states[0] : tape.joinColumns(states)
    var random = random
    return (0..<pixels.shape[0]).map { image in
      let start = image * output.tokens
      let total = output.tokens - dropped
      let whole = { (range: Range<Int>) in
        tape.joinRows([(joined, range)], width: joined.shape.width)
      }
      guard let pruning else {
        return VisualFeatures(
          features: whole(start + dropped..<start + output.tokens),
          positions: Array(0..<total), total: total, grid: output.grid)
      }
      let scores = isScored ? output.significance[block]?.values : nil
      let patches = start + prefix..<start + output.tokens
      let pruned = pruning.pruner.prune(
        PruningInput(
          significance: pruning.needsSignificance
            ? scores.map { Array($0[patches]) } ?? Array(repeating: 0, count: patches.count) : nil,
          grid: output.grid, random: RandomStream(seed: random.next())))
      let kept: Variable =
        if let mixing = pruned.mixing {
          tape.mixRows(whole(patches), by: mixing)
        } else {
          tape.selectRows(joined, pruned.kept.map { patches.lowerBound + $0 })
        }
      let before = prefix - dropped
      let features = tape.joinRows(
        [(joined, start + dropped..<start + prefix), (kept, 0..<kept.shape.rows)],
        width: joined.shape.width)
      return VisualFeatures(
        features: features,
        positions: Array(0..<before) + pruned.kept.map { $0 + before }, total: total,
        grid: output.grid)
    }
  }

  /// Visual tokens in the decoder's embedding space, `[rows, decoder width]`.
  func project(
    _ features: Variable, tape: Tape, isTraining: Bool, random: RandomStream
  ) -> Variable? {
    guard let vision else { return nil }
    let context = ForwardContext(
      tape: tape, isTraining: isTraining, lengths: [features.shape.rows], modality: .image,
      random: random)
    return vision.projector(features, context)
  }
}
