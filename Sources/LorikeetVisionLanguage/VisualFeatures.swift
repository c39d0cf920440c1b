// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
internal import LorikeetLayers
internal import LorikeetProjectors
public import LorikeetTensors
internal import LorikeetTextDecoders
public import LorikeetTokenPruning
internal import LorikeetVisionEncoders

/// The visual tokens of one picture, before the projector.
public struct VisualFeatures {
  /// `[rows, encoder width x feature layers]`.
  public var features: Variable
  /// The rows before which a newline stands, ascending; a newline is a token, too.
  public var newlines: [Int] = []
  /// The place of each token among the unpruned ones, ascending.
  public var positions: [Int]
  /// The number of unpruned tokens.
  public var total: Int
  /// Rows of the grid of patches and its columns.
  public var grid: (rows: Int, columns: Int)

  public init(
    features: Variable, newlines: [Int] = [], positions: [Int], total: Int,
    grid: (rows: Int, columns: Int)
  ) {
    self.features = features
    self.newlines = newlines
    self.positions = positions
    self.total = total
    self.grid = grid
  }

  /// Tokens that the picture has in a sequence.
  public var tokens: Int { features.shape.rows + newlines.count }

  /// Patches that are left, counted without prefix tokens.
  public var patches: [Int] {
    let prefix = total - grid.rows * grid.columns
    return positions.filter { $0 >= prefix }.map { $0 - prefix }
  }
}

/// A picture as a model takes it.
public struct PicturePixels: Sendable {
  /// `[tiles, 3, height, width]`; one tile unless the model takes several.
  public var tiles: Tensor
  /// The picture's own size, in pixels.
  public var height: Int
  public var width: Int

  public init(tiles: Tensor, height: Int, width: Int) {
    self.tiles = tiles
    self.height = height
    self.width = width
  }
}

extension VisionLanguageModel {
  /// Encodes pictures of one size, each whole, and prunes their tokens; nothing without an encoder.
  ///
  /// - Parameter pixels: `[images, 3, height, width]`.
  public func visualFeatures(
    _ pixels: Tensor, pruning: PruningSpecification? = nil, tape: Tape = .inference,
    isTraining: Bool = false, random: RandomStream = RandomStream(seed: 0)
  ) -> [VisualFeatures] {
    guard let vision else { return [] }
    let (encoder, featureLayers) = (vision.encoder, vision.featureLayers)
    // The attention of the block whose output gives the features.
    let block = (featureLayers.max() ?? encoder.layerCount) - 1
    let isScored = pruning?.needsSignificance == true && block >= 0
    let (joined, output) = encoded(
      pixels, significance: isScored ? block : nil, vision, tape, isTraining, random)
    let prefix = encoder.prefixTokens
    // The first token, whatever it is: see LLaVA's `vision_feature_select_strategy`.
    let dropped = vision.selection == .patches ? pruning == nil ? 1 : min(prefix, 1) : 0
    let side = vision.squareSide
    let grid = (rows: output.grid.rows / side, columns: output.grid.columns / side)
    let scores = isScored ? output.significance[block]?.values : nil
    var random = random
    return (0..<pixels.shape[0]).map { image in
      let start = image * output.tokens
      func rows(_ range: Range<Int>) -> Variable {
        tape.joinRows([(joined, range)], width: joined.shape.width)
      }
      guard let pruning else {
        if side > 1 {
          let shuffled = squares(joined, from: start + prefix, output.grid, side, tape)
          return VisualFeatures(
            features: shuffled, positions: Array(0..<shuffled.shape.rows),
            total: shuffled.shape.rows, grid: grid)
        }
        let total = output.tokens - dropped
        return VisualFeatures(
          features: rows(start + dropped..<start + output.tokens),
          positions: Array(0..<total), total: total, grid: output.grid)
      }
      let patches =
        side > 1
        ? squares(joined, from: start + prefix, output.grid, side, tape)
        : rows(start + prefix..<start + output.tokens)
      let before = side > 1 ? 0 : prefix - dropped
      let significance = scores.map {
        squareSums(Array($0[start + prefix..<start + output.tokens]), output.grid, side)
      }
      let pruned = pruning.pruner.prune(
        PruningInput(
          significance: pruning.needsSignificance
            ? significance ?? Array(repeating: 0, count: patches.shape.rows) : nil,
          grid: grid, random: RandomStream(seed: random.next())))
      let kept: Variable =
        if let mixing = pruned.mixing {
          tape.mixRows(patches, by: mixing)
        } else {
          tape.selectRows(patches, pruned.kept)
        }
      let features =
        before == 0
        ? kept
        : tape.joinRows(
          [(joined, start + dropped..<start + prefix), (kept, 0..<kept.shape.rows)],
          width: joined.shape.width)
      return VisualFeatures(
        features: features,
        positions: Array(0..<before) + pruned.kept.map { $0 + before },
        total: before + grid.rows * grid.columns, grid: grid)
    }
  }

  /// Encodes one picture: whole, or as tiles with their features row by row, without those of padding,
  /// and a newline after each row.
  ///
  /// Source: `pack_image_features` of transformers' modeling_llava_next.py.
  ///
  /// - Returns: nil without an encoder, or for tiles that are not those of the picture's size.
  public func visualFeatures(
    _ picture: PicturePixels, tape: Tape = .inference, isTraining: Bool = false,
    random: RandomStream = RandomStream(seed: 0)
  ) -> VisualFeatures? {
    guard let vision else { return nil }
    guard case .anyResolution(let grids) = vision.arrangement else {
      return visualFeatures(
        picture.tiles, tape: tape, isTraining: isTraining, random: random
      ).first
    }
    let tile = vision.encoder.imageSize
    let tiles = grids.grid(height: picture.height, width: picture.width, tile: tile)
    guard picture.tiles.shape[0] == tiles.rows * tiles.columns + 1 else { return nil }
    let (joined, output) = encoded(
      picture.tiles, significance: nil, vision, tape, isTraining, random)
    let (count, prefix) = (output.tokens, vision.encoder.prefixTokens)
    let dropped = vision.selection == .patches ? 1 : 0
    let (side, across) = output.grid
    var places = Array(dropped..<count)  // the whole picture
    var newlines: [Int] = []
    let kept = TileGrids.unpadded(
      rows: tiles.rows * side, columns: tiles.columns * across, height: picture.height,
      width: picture.width)
    for row in kept.rows {
      for column in kept.columns {
        let index = 1 + row / side * tiles.columns + column / across
        places.append(index * count + prefix + row % side * across + column % across)
      }
      newlines.append(places.count)
    }
    let total = places.count + newlines.count
    return VisualFeatures(
      features: tape.selectRows(joined, places), newlines: newlines,
      positions: Array(0..<total), total: total, grid: (kept.rows.count, kept.columns.count))
  }

  /// The features that the projector takes, `[images x tokens, width]`, feature layers side by side.
  private func encoded(
    _ pixels: Tensor, significance block: Int?, _ vision: Vision, _ tape: Tape,
    _ isTraining: Bool, _ random: RandomStream
  ) -> (features: Variable, output: EncoderOutput) {
    var request = EncoderRequest()
    request.hiddenLayers = Set(vision.featureLayers)
    request.needsLastHiddenState = vision.featureLayers.isEmpty
    if let block { request.significanceLayers = [block] }
    let output = vision.encoder.encode(
      pixels, request: request, tape: tape, isTraining: isTraining, random: random)
    let states =
      vision.featureLayers.isEmpty
      ? [output.lastHiddenState].compactMap { $0 }
      : vision.featureLayers.compactMap { output.hidden[$0] }
    return (states.count == 1 ? states[0] : tape.joinColumns(states), output)
  }

  /// Squares of `side` by `side` patches, their features side by side, row by row:
  /// `[squares, side x side x width]`.
  private func squares(
    _ x: Variable, from start: Int, _ grid: (rows: Int, columns: Int), _ side: Int, _ tape: Tape
  ) -> Variable {
    let places = squarePlaces(grid, side).map { start + $0 }
    let width = side * side * x.shape.width
    return tape.reshape(
      tape.selectRows(x, places), [places.count / (side * side), width])
  }

  /// The patches of each square, square by square.
  private func squarePlaces(_ grid: (rows: Int, columns: Int), _ side: Int) -> [Int] {
    (0..<grid.rows / side).flatMap { row in
      (0..<grid.columns / side).flatMap { column in
        (0..<side * side).map { i in
          (row * side + i / side) * grid.columns + column * side + i % side
        }
      }
    }
  }

  private func squareSums(
    _ values: [Float], _ grid: (rows: Int, columns: Int), _ side: Int
  ) -> [Float] {
    guard side > 1 else { return values }
    var sums = [Float](repeating: 0, count: grid.rows / side * (grid.columns / side))
    for (index, place) in squarePlaces(grid, side).enumerated() {
      sums[index / (side * side)] += values[place]
    }
    return sums
  }

  /// The tokens of pictures in the decoder's embedding space, one picture after the other,
  /// `[tokens, decoder width]`, newlines included; nil without an encoder.
  func visualEmbeddings(
    _ images: [VisualFeatures], tape: Tape, isTraining: Bool = false,
    random: RandomStream = RandomStream(seed: 0)
  ) -> Variable? {
    guard let first = images.first,
      let projected = project(
        tape.joinRows(
          images.map { ($0.features, 0..<$0.features.shape.rows) },
          width: first.features.shape.width),
        tape: tape, isTraining: isTraining, random: random)
    else { return nil }
    guard let newline = vision?.newline, images.contains(where: { !$0.newlines.isEmpty }) else {
      return projected
    }
    let row = tape.reshape(newline.variable, [1, decoder.width])
    var pieces: [(source: Variable, rows: Range<Int>)] = []
    var start = 0
    for image in images {
      var place = 0
      for next in image.newlines {
        pieces.append((projected, start + place..<start + next))
        pieces.append((row, 0..<1))
        place = next
      }
      pieces.append((projected, start + place..<start + image.features.shape.rows))
      start += image.features.shape.rows
    }
    return tape.joinRows(pieces, width: decoder.width)
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
