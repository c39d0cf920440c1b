// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// LLaVA-NeXT's processor: the picture as a whole, and fitted into the best of several sizes, the rest
/// black, cut into tiles.
///
/// Source: `LlavaNextImageProcessorPil` of transformers.
public struct AnyResolutionProcessor: PictureProcessor, Equatable {
  /// What is done to the whole and to each tile.
  public var tile: ImageProcessor
  public var grids: TileGrids

  /// Tiles of a picture at the most.
  private static let mostTiles = 1024

  public func prepare(_ image: Image, name: String) throws(ImageError) -> PicturePixels {
    let best = grids.best(height: image.height, width: image.width)
    try ImageLimits.default.check(width: best.width, height: best.height, name: name)
    let size = TileGrids.fitted(image, into: best)
    let fitted = try image.resized(
      width: size.width, height: size.height, filter: tile.filter, name: name)
    let padded = fitted.cropped(
      to: PixelRect(
        x: -((best.width - size.width) / 2), y: -((best.height - size.height) / 2),
        width: best.width, height: best.height))
    let side = side
    let grid = (rows: (best.height + side - 1) / side, columns: (best.width + side - 1) / side)
    guard grid.rows * grid.columns <= Self.mostTiles else {
      throw .unsuitable(
        name: name, reason: "the picture would be cut into \(grid.rows * grid.columns) tiles")
    }
    var tiles = [try tile.pixelValues(try whole(image, name: name), name: name)]
    for y in stride(from: 0, to: best.height, by: side) {
      for x in stride(from: 0, to: best.width, by: side) {
        let part = padded.cropped(
          to: PixelRect(
            x: x, y: y, width: min(side, best.width - x), height: min(side, best.height - y)))
        tiles.append(try tile.pixelValues(part, name: name))
      }
    }
    return try PicturePixels(tiles, of: image, grid: grid, name: name)
  }

  public func displayed(_ image: Image, name: String) throws(ImageError) -> Image {
    try tile.displayed(whole(image, name: name), name: name)
  }

  /// The side of the square that a tile is cut as.
  private var side: Int { tile.cropSize?.height ?? wholeSize.height }

  private var wholeSize: (width: Int, height: Int) {
    switch tile.size {
    case .exact(let width, let height): (width, height)
    case .shortestEdge(let edge, _), .longestEdge(let edge): (edge, edge)
    case nil: (224, 224)
    }
  }

  private func whole(_ image: Image, name: String) throws(ImageError) -> Image {
    try image.resized(
      width: wholeSize.width, height: wholeSize.height, filter: tile.filter, name: name)
  }

  /// `pixel_values` `[pictures, tiles, 3, height, width]`, zero beyond a picture's tiles, and
  /// `image_sizes` `[pictures, 2]`, heights and widths.
  public func tensors(
    _ pictures: [(name: String, pixels: PicturePixels)]
  ) -> [(name: String, tensor: StoredTensor)] {
    let all = pictures.map(\.pixels)
    let most = all.map(\.tiles.shape[0]).max() ?? 0
    let shape = all.first?.tiles.shape.dimensions.dropFirst() ?? []
    let values = all.flatMap { picture in
      let size = picture.tiles.count / max(picture.tiles.shape[0], 1)
      return picture.tiles.values
        + [Float](repeating: 0, count: (most - picture.tiles.shape[0]) * size)
    }
    return [
      ("pixel_values", StoredTensor(Tensor(values, Shape([all.count, most] + shape)))),
      (
        "image_sizes",
        StoredTensor(integers: all.flatMap { [$0.height, $0.width] }, [all.count, 2])
      ),
    ]
  }
}

extension AnyResolutionProcessor: Decodable {
  public init(from decoder: any Decoder) throws {
    tile = try ImageProcessor(from: decoder)
    guard tile.size != nil else {
      throw ConfigurationProblem(
        key: "do_resize", problem: "false is not supported for pictures that are cut into tiles")
    }
    let key: PreprocessorKey = "image_grid_pinpoints"
    let sizes: [[Int]]? = try PreprocessorKeys(decoder).optional(key)
    guard let grids = TileGrids(sizes ?? TileGrids.standard) else {
      throw ConfigurationProblem(
        key: key.stringValue, problem: "expected a list of [height, width], 1 to 16384 each")
    }
    self.grids = grids
  }
}
