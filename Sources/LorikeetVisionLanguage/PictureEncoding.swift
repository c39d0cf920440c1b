// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetImages
public import LorikeetLayers
public import LorikeetTensors
public import LorikeetTokenPruning
internal import LorikeetVisionEncoders

extension VisionLanguageModel {
  /// Tiles that go through the encoder together, the fastest for small encoders.
  public static var tilesTogether: Int { 8 }

  /// Encodes pictures as the model takes them and prunes their tokens.
  ///
  /// Tiles of one size are encoded together.
  ///
  /// - Parameters:
  ///   - seeds: what pruning methods that draw are seeded with, one a picture.
  ///   - together: tiles that go through the encoder together, at the most.
  /// - Throws: `ConfigurationError` if the model takes no pictures, or not such ones.
  public func visualFeatures(
    of pictures: [PicturePixels], pruning: PruningSpecification? = nil, tape: Tape = .inference,
    isTraining: Bool = false, seeds: [UInt64], together: Int = tilesTogether
  ) throws(ConfigurationError) -> [VisualFeatures] {
    precondition(
      pictures.count == seeds.count, "visualFeatures: \(seeds.count) seeds for \(pictures.count)")
    guard let vision else {
      throw ConfigurationError(path: "model", "takes no pictures, it is a language model")
    }
    for picture in pictures { try require(picture.tiles.shape, vision) }
    if case .anyResolution(let grids) = vision.arrangement {
      guard pruning == nil else {
        throw ConfigurationError(
          path: "model", "pruning is not supported where rows of tiles end with a newline")
      }
      var results: [VisualFeatures] = []
      for (picture, seed) in zip(pictures, seeds) {
        results.append(
          try anyResolutionFeatures(
            picture, grids, vision, tape, isTraining, RandomStream(seed: seed)))
      }
      return results
    }
    guard vision.hasTiles || pictures.allSatisfy({ $0.tiles.shape[0] == 1 }) else {
      throw ConfigurationError(
        path: "preprocessor_config.json", "cuts pictures into tiles, and the model takes them whole"
      )
    }
    let encoded = tileFeatures(pictures, pruning, tape, isTraining, seeds, together)
    guard vision.hasTiles else { return encoded.compactMap(\.first) }
    return zip(pictures, encoded).map { picture, tiles in
      var (ends, positions, end) = ([Int](), [Int](), 0)
      let each = tiles.first?.total ?? 0
      for (index, tile) in tiles.enumerated() {
        end += tile.tokens
        ends.append(end)
        positions += tile.positions.map { index * each + $0 }
      }
      return VisualFeatures(
        features: tape.joinRows(
          tiles.map { ($0.features, $0.span) }, width: tiles.first?.features.shape.width ?? 0),
        positions: positions, total: tiles.count * each, grid: tiles.first?.grid ?? (0, 0),
        tiles: .init(
          rows: picture.grid.rows, columns: picture.grid.columns, ends: ends, each: each))
    }
  }

  /// - Throws: `ConfigurationError` for pictures that the encoder cannot take.
  func require(_ pixels: Shape, _ vision: Vision) throws(ConfigurationError) {
    let least = vision.encoder.patchSize * vision.squareSide
    guard pixels.rank == 4, pixels[0] > 0, pixels[2] >= least, pixels[3] >= least else {
      throw ConfigurationError(
        path: "preprocessor_config.json",
        "gives pictures of \(pixels[2]) x \(pixels[3]) pixels, smaller than the \(least) x "
          + "\(least) of one token")
    }
  }

  /// The tokens of each tile of each picture.
  private func tileFeatures(
    _ pictures: [PicturePixels], _ pruning: PruningSpecification?, _ tape: Tape,
    _ isTraining: Bool, _ seeds: [UInt64], _ together: Int
  ) -> [[VisualFeatures]] {
    var results = pictures.map { [VisualFeatures?](repeating: nil, count: $0.tiles.shape[0]) }
    func encode(_ places: [(picture: Int, tile: Int)]) {
      let shape = pictures[places[0].picture].tiles.shape
      let size = shape.count / shape[0]
      let pixels = Kernels.gatherRows(
        places.map { place in
          let tiles = pictures[place.picture].tiles
          return (tiles.reshaped([tiles.shape[0], size]), place.tile..<place.tile + 1)
        }, width: size)
      let features = visualFeatures(
        pixels.reshaped([places.count, shape[1], shape[2], shape[3]]), pruning: pruning,
        tape: tape, isTraining: isTraining, random: RandomStream(seed: seeds[places[0].picture]))
      for (place, feature) in zip(places, features) {
        results[place.picture][place.tile] = feature
      }
    }
    // In the order in which sizes first come, so that sums over them are the same each time.
    var groups: [(size: Shape, places: [(picture: Int, tile: Int)])] = []
    for (picture, pixels) in pictures.enumerated() {
      let size = Shape(Array(pixels.tiles.shape.dimensions.dropFirst()))
      let places = (0..<pixels.tiles.shape[0]).map { (picture: picture, tile: $0) }
      if let known = groups.firstIndex(where: { $0.size == size }) {
        groups[known].places += places
      } else {
        groups.append((size, places))
      }
    }
    for group in groups {
      for start in stride(from: 0, to: group.places.count, by: max(together, 1)) {
        encode(Array(group.places[start..<min(start + together, group.places.count)]))
      }
    }
    return results.map { $0.compactMap { $0 } }
  }

  /// The picture as a whole, then its tiles' features row by row, without those of padding, a newline
  /// after each row.
  ///
  /// Source: `pack_image_features` of transformers' modeling_llava_next.py.
  private func anyResolutionFeatures(
    _ picture: PicturePixels, _ grids: TileGrids, _ vision: Vision, _ tape: Tape,
    _ isTraining: Bool, _ random: RandomStream
  ) throws(ConfigurationError) -> VisualFeatures {
    let tile = vision.encoder.imageSize
    let tiles = grids.grid(height: picture.height, width: picture.width, tile: tile)
    let shape = picture.tiles.shape
    guard shape[0] == tiles.rows * tiles.columns + 1, shape[2] == tile, shape[3] == tile else {
      throw ConfigurationError(
        path: "preprocessor_config.json",
        "gives \(shape[0]) tiles of \(shape[2]) x \(shape[3]) pixels for a picture of "
          + "\(picture.width) x \(picture.height); the model's config.json asks for "
          + "\(tiles.rows * tiles.columns + 1) of \(tile) x \(tile)")
    }
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

  /// Encodes pictures of one size, each as it is, and prunes their tokens; nothing without an encoder.
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
}
