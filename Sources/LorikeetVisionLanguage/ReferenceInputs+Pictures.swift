// SPDX-License-Identifier: Apache-2.0

internal import LorikeetImages
internal import LorikeetTensors
internal import LorikeetVisionEncoders

/// `pixel_values` as pictures that a model takes.
extension ReferenceInputs {
  /// - Throws: `FileError` if there are no pictures, or smaller ones than a patch of the encoder.
  func images(for encoder: any VisionEncoder) throws(FileError) -> Tensor {
    guard let pixels else { throw failure("has no pixel_values, which an image encoder needs") }
    guard pixels.shape[2] >= encoder.patchSize, pixels.shape[3] >= encoder.patchSize else {
      throw failure(
        "pixel_values \(pixels.shape) are smaller than a patch of the encoder, "
          + "\(encoder.patchSize) x \(encoder.patchSize)")
    }
    return pixels
  }

  /// All pictures, in order.
  ///
  /// - Throws: `FileError` if they are not such as the model takes.
  func pictures(for vision: VisionLanguageModel.Vision) throws(FileError) -> [PicturePixels] {
    if let patches { return try flattened(patches, vision) }
    let pixels = try images(for: vision.encoder)
    let patch = vision.encoder.patchSize * vision.squareSide
    guard pixels.shape[2] >= patch, pixels.shape[3] >= patch else {
      throw failure(
        "pixel_values \(pixels.shape) are smaller than \(patch) x \(patch), what one token stands "
          + "for")
    }
    if case .anyResolution(let grids) = vision.arrangement {
      return try tiled(pixels, grids, side: vision.encoder.imageSize)
    }
    // Pictures that fill up a batch are zero throughout.
    let fills = (tilesPerPicture ?? 1) > 1
    return (0..<pixels.shape[0]).map { pixels.images($0..<$0 + 1) }
      .filter { image in
        !fills || image.withValues { values in values.contains { $0 != 0 } }
      }
      .map { PicturePixels(tiles: $0, height: pixels.shape[2], width: pixels.shape[3]) }
  }

  /// Pictures that are given as tiles, the whole picture the first of them, and filled up to the most
  /// tiles that one has.
  private func tiled(
    _ pixels: Tensor, _ grids: TileGrids, side: Int
  ) throws(FileError) -> [PicturePixels] {
    guard let tiles = tilesPerPicture, let imageSizes, imageSizes.count * tiles == pixels.shape[0],
      pixels.shape[2] == side, pixels.shape[3] == side
    else {
      throw failure(
        "expected pixel_values [pictures, tiles, 3, \(side), \(side)] and image_sizes [pictures, 2]"
      )
    }
    var pictures: [PicturePixels] = []
    for (index, size) in imageSizes.enumerated() {
      let grid = grids.grid(height: size[0], width: size[1], tile: side)
      let count = grid.rows * grid.columns + 1
      guard count <= tiles else {
        throw failure(
          "a picture of \(size[0]) x \(size[1]) has \(count) tiles, pixel_values \(tiles)")
      }
      let first = index * tiles
      pictures.append(
        PicturePixels(
          tiles: pixels.images(first..<first + count), height: size[0], width: size[1], grid: grid))
    }
    return pictures
  }

  /// Pictures that are given as rows of patches.
  private func flattened(
    _ patches: Tensor, _ vision: VisionLanguageModel.Vision
  ) throws(FileError) -> [PicturePixels] {
    let (size, side) = (vision.encoder.patchSize, vision.squareSide)
    let frames = patches.width / (3 * size * size)
    let layout = FlattenedPatches(patchSize: size, mergeSize: side, frames: max(frames, 1))
    let grids = patchGrids ?? []
    guard layout.width == patches.width, frames == vision.encoder.frames,
      grids.reduce(0, { $0 + $1[1] * $1[2] }) == patches.rows,
      grids.allSatisfy({ $0[0] == 1 && $0[1].isMultiple(of: side) && $0[2].isMultiple(of: side) })
    else {
      throw failure(
        "pixel_values \(patches.shape) are not the patches of image_grid_thw \(grids): expected "
          + "\(3 * vision.encoder.frames * size * size) values a patch, one frame, rows and columns "
          + "that are multiples of \(side)")
    }
    var start = 0
    return grids.map { grid in
      defer { start += grid[1] * grid[2] }
      let rows = patches.rows(start..<start + grid[1] * grid[2])
      return PicturePixels(
        tiles: layout.picture(rows, grid: (grid[1], grid[2])), height: grid[1] * size,
        width: grid[2] * size)
    }
  }
}

extension Tensor {
  /// Some of `[images, 3, height, width]`, without a copy.
  fileprivate func images(_ range: Range<Int>) -> Tensor {
    reshaped([shape[0], count / shape[0]]).rows(range).reshaped(
      Shape([range.count] + shape.dimensions.dropFirst()))
  }
}
