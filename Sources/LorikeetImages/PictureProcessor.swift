// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetTensors

/// A picture as a model takes it.
public struct PicturePixels: Sendable {
  /// `[tiles, 3, height, width]`; one tile unless the model takes several.
  public var tiles: Tensor
  /// The picture's own size, in pixels.
  public var height: Int
  public var width: Int
  /// Rows and columns of the tiles that the picture was cut into; none if it is there as a whole only.
  public var grid: (rows: Int, columns: Int)

  public init(
    tiles: Tensor, height: Int, width: Int, grid: (rows: Int, columns: Int) = (0, 0)
  ) {
    self.tiles = tiles
    self.height = height
    self.width = width
    self.grid = grid
  }

  /// - Throws: `ImageError.unsuitable` if the tiles differ in size.
  init(
    _ tiles: [PixelValues], of image: Image, grid: (rows: Int, columns: Int) = (0, 0),
    name: String
  ) throws(ImageError) {
    let (height, width) = (tiles.first?.height ?? 1, tiles.first?.width ?? 1)
    guard tiles.allSatisfy({ $0.height == height && $0.width == width }) else {
      throw .unsuitable(name: name, reason: "the tiles of the picture differ in size")
    }
    let values = tiles.count == 1 ? tiles[0].values : tiles.flatMap(\.values)
    self.init(
      tiles: Tensor(values, [tiles.count, 3, height, width]),
      height: image.height, width: image.width, grid: grid)
  }
}

/// What a model does to pictures before it sees them, as `preprocessor_config.json` has it: one type a
/// kind.
public protocol PictureProcessor: Sendable {
  /// The numbers that the model takes.
  ///
  /// - Parameter name: what errors call the picture.
  func prepare(_ image: Image, name: String) throws(ImageError) -> PicturePixels

  /// The picture as a whole as the encoder sees it, before its colours are normalised.
  func displayed(_ image: Image, name: String) throws(ImageError) -> Image

  /// What transformers' processor returns for pictures of one prompt, under its names.
  func tensors(
    _ pictures: [(name: String, pixels: PicturePixels)]
  ) -> [(name: String, tensor: StoredTensor)]
}

extension PictureProcessor {
  /// Differs between processors that give different numbers.
  public var fingerprint: String { String(reflecting: self) }
}

/// The kinds of picture processors.
public enum PictureProcessors {
  /// What serves the classes that do more than prepare a picture as a whole; a new kind is a file and a
  /// line here.
  static let kinds: [ImageProcessor.Kind: any (PictureProcessor & Decodable).Type] = [
    .llavaNext: AnyResolutionProcessor.self,
    .idefics3: SplittingProcessor.self,
    .smolVLM: SplittingProcessor.self,
    .qwen2VL: DynamicResolutionProcessor.self,
  ]

  /// Reads a model directory's `preprocessor_config.json`, or else the image processor's part of its
  /// `processor_config.json`; nil if it has neither.
  ///
  /// - Throws: `ImageError.configuration` naming the key, or `.file`.
  public static func inDirectory(
    _ directory: String
  ) throws(ImageError) -> (any PictureProcessor)? {
    for name in ["preprocessor_config.json", "processor_config.json"] {
      let path = directory + "/" + name
      guard FileManager.default.fileExists(atPath: path) else { continue }
      let json = try ImageProcessor.contents(of: path)
      if name == "processor_config.json",
        try !ImageProcessor.decode(ProcessorPart.self, json: json, path: path).isThere
      {
        continue
      }
      return try read(json: json, path: path)
    }
    return nil
  }

  /// Reads the text of a `preprocessor_config.json`.
  ///
  /// - Parameter path: what errors call it.
  public static func read(json: [UInt8], path: String) throws(ImageError) -> any PictureProcessor {
    let kind = try ImageProcessor.decode(ImageProcessor.self, json: json, path: path).kind
    let type = kinds[kind] ?? ImageProcessor.self
    return try ImageProcessor.decode(type, json: json, path: path)
  }

  /// Whether a processor's configuration has one for pictures.
  private struct ProcessorPart: Decodable {
    let isThere: Bool

    init(from decoder: any Decoder) throws {
      isThere = try decoder.container(keyedBy: PreprocessorKey.self).contains("image_processor")
    }
  }
}

extension ImageProcessor: PictureProcessor {
  public func prepare(_ image: Image, name: String) throws(ImageError) -> PicturePixels {
    try PicturePixels([try pixelValues(image, name: name)], of: image, name: name)
  }

  /// `pixel_values` `[pictures, 3, height, width]`, or where sizes differ `NAME.pixel_values`
  /// `[3, height, width]` each.
  public func tensors(
    _ pictures: [(name: String, pixels: PicturePixels)]
  ) -> [(name: String, tensor: StoredTensor)] {
    let shapes = Set(pictures.map(\.pixels.tiles.shape))
    guard shapes.count > 1 else { return [("pixel_values", .joined(pictures.map(\.pixels.tiles)))] }
    return pictures.map { name, pixels in
      let shape = Shape(Array(pixels.tiles.shape.dimensions.dropFirst()))
      return (name + ".pixel_values", StoredTensor(pixels.tiles.reshaped(shape)))
    }
  }
}

extension StoredTensor {
  /// Tensors that differ in the first extent only, one after the other.
  static func joined(_ tensors: [Tensor]) -> StoredTensor {
    let rest = tensors.first?.shape.dimensions.dropFirst() ?? []
    let count = tensors.reduce(0) { $0 + $1.shape[0] }
    return StoredTensor(Tensor(tensors.flatMap(\.values), Shape([count] + rest)))
  }
}
