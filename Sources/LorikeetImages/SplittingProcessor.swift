// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// The processor of Idefics3 and SmolVLM: the picture enlarged to a given length, brought to a multiple
/// of the tile's side, cut into tiles, and as a whole behind them.
///
/// Source: `Idefics3ImageProcessorPil` of transformers.
public struct SplittingProcessor: PictureProcessor, Equatable {
  /// The size before splitting, and what is done to each tile.
  public var base: ImageProcessor
  /// The side of a tile, in pixels.
  public var side: Int
  /// Whether pictures are cut at all.
  public var splits: Bool

  /// The longest side that a picture is enlarged to, whatever the configuration says.
  private static let longestSide = 4096
  /// Tiles of a picture at the most.
  private static let mostTiles = 1024

  public func prepare(_ image: Image, name: String) throws(ImageError) -> PicturePixels {
    let image = (own: image, sized: try sized(image, name: name))
    guard splits else {
      let whole = try normalised(resized(image.sized, side, side, name), name)
      return try PicturePixels([whole], of: image.own, name: name)
    }
    let size = multiple(of: image.sized)
    let large = try resized(image.sized, size.width, size.height, name)
    guard size.width > side || size.height > side else {
      return try PicturePixels([normalised(large, name)], of: image.own, name: name)
    }
    let grid = (rows: size.height / side, columns: size.width / side)
    guard grid.rows * grid.columns <= Self.mostTiles else {
      throw .unsuitable(
        name: name, reason: "the picture would be cut into \(grid.rows * grid.columns) tiles")
    }
    var tiles: [PixelValues] = []
    for index in 0..<grid.rows * grid.columns {
      let rect = PixelRect(
        x: index % grid.columns * side, y: index / grid.columns * side, width: side, height: side)
      tiles.append(try normalised(large.cropped(to: rect), name))
    }
    tiles.append(try normalised(resized(large, side, side, name), name))
    return try PicturePixels(tiles, of: image.own, grid: grid, name: name)
  }

  public func displayed(_ image: Image, name: String) throws(ImageError) -> Image {
    var image = try sized(image, name: name)
    if splits {
      let size = multiple(of: image)
      image = try resized(image, size.width, size.height, name)
    }
    return try resized(image, side, side, name)
  }

  private func resized(
    _ image: Image, _ width: Int, _ height: Int, _ name: String
  ) throws(ImageError) -> Image {
    try image.resized(width: width, height: height, filter: base.filter, name: name)
  }

  private func normalised(_ image: Image, _ name: String) throws(ImageError) -> PixelValues {
    var plain = base
    plain.size = nil
    return try plain.pixelValues(image, name: name)
  }

  /// The picture with its longer side as asked for.
  private func sized(_ image: Image, name: String) throws(ImageError) -> Image {
    switch base.size {
    case nil: return image
    case .exact(let width, let height): return try resized(image, width, height, name)
    case .shortestEdge(_, let longest):
      return try longest.map { edge throws(ImageError) in
        try scaled(image, to: edge, name: name)
      } ?? image
    case .longestEdge(let edge): return try scaled(image, to: edge, name: name)
    }
  }

  /// The longer side becomes `edge`, the shorter one even; then neither is longer than 4096.
  private func scaled(_ image: Image, to edge: Int, name: String) throws(ImageError) -> Image {
    var (width, height) = (image.width, image.height)
    var shape = Double(width) / Double(height)
    if width >= height {
      width = edge
      height = Int(Double(width) / shape)
      height += height % 2
    } else {
      height = edge
      width = Int(Double(height) * shape)
      width += width % 2
    }
    (width, height) = (max(width, 1), max(height, 1))
    shape = Double(width) / Double(height)
    if width >= height, width > Self.longestSide {
      width = Self.longestSide
      height = Int(Double(width) / shape)
    } else if height > width, height > Self.longestSide {
      height = Self.longestSide
      width = Int(Double(height) * shape)
    }
    return try resized(image, max(width, 1), max(height, 1), name)
  }

  /// The smallest multiple of the tile's side that holds a picture, in about its shape.
  private func multiple(of image: Image) -> (width: Int, height: Int) {
    func up(_ x: Int) -> Int { max((x + side - 1) / side, 1) * side }
    let shape = Double(image.width) / Double(image.height)
    if image.width >= image.height {
      let width = up(image.width)
      return (width, up(Int(Double(width) / shape)))
    }
    let height = up(image.height)
    return (up(Int(Double(height) * shape)), height)
  }

  /// `pixel_values` `[1, tiles, 3, side, side]` of all pictures, `pixel_attention_mask`
  /// `[1, tiles, side, side]`, and `rows` and `cols` `[1, pictures]`.
  public func tensors(
    _ pictures: [(name: String, pixels: PicturePixels)]
  ) -> [(name: String, tensor: StoredTensor)] {
    let all = pictures.map(\.pixels)
    let joined = StoredTensor.joined(all.map(\.tiles))
    let tiles = joined.shape[0]
    return [
      (
        "pixel_values", StoredTensor(joined.tensor().reshaped([1, tiles, 3, side, side]))
      ),
      (
        "pixel_attention_mask",
        StoredTensor(
          integers: Array(repeating: 1, count: tiles * side * side), [1, tiles, side, side])
      ),
      ("rows", StoredTensor(integers: all.map(\.grid.rows), [1, all.count])),
      ("cols", StoredTensor(integers: all.map(\.grid.columns), [1, all.count])),
    ]
  }
}

extension SplittingProcessor: Decodable {
  public init(from decoder: any Decoder) throws {
    base = try ImageProcessor(from: decoder)
    let keys = try PreprocessorKeys(decoder)
    side = try keys.whole("max_image_size", "longest_edge", most: Self.longestSide) ?? 364
    splits = try keys.optional("do_image_splitting") ?? true
    base.cropSize = nil
  }
}
