// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// Qwen2-VL's processor: each side brought to a multiple of the square that becomes one token, the
/// number of pixels kept within limits.
///
/// Source: `Qwen2VLImageProcessorPil` of transformers.
public struct DynamicResolutionProcessor: PictureProcessor, Equatable {
  public var base: ImageProcessor
  /// The side of a patch, in pixels, and of the square of patches that becomes one token, in patches.
  public var patchSize: Int
  public var mergeSize: Int
  /// Frames that are embedded together; a picture is so many equal frames.
  public var frames: Int
  public var pixels: ClosedRange<Int>
  public var resizes: Bool

  public func prepare(_ image: Image, name: String) throws(ImageError) -> PicturePixels {
    try PicturePixels(
      [try base.pixelValues(displayed(image, name: name), name: name)], of: image, name: name)
  }

  public func displayed(_ image: Image, name: String) throws(ImageError) -> Image {
    let factor = patchSize * mergeSize
    guard resizes else {
      guard image.width.isMultiple(of: factor), image.height.isMultiple(of: factor) else {
        throw .unsuitable(
          name: name,
          reason: "\(image.width) x \(image.height) pixels are not multiples of \(factor), and "
            + "do_resize is false")
      }
      return image
    }
    let size = try size(height: image.height, width: image.width, name: name)
    return try image.resized(
      width: size.width, height: size.height, filter: base.filter, name: name)
  }

  /// The size that a picture is brought to.
  ///
  /// Source: `smart_resize`.
  func size(
    height: Int, width: Int, name: String
  ) throws(ImageError) -> (height: Int, width: Int) {
    let factor = Double(patchSize * mergeSize)
    let (h, w) = (Double(height), Double(width))
    guard max(h, w) / min(h, w) <= 200 else {
      throw .unsuitable(
        name: name, reason: "one side is more than 200 times the other, \(width) x \(height)")
    }
    var tall = (h / factor).rounded(.toNearestOrEven) * factor
    var wide = (w / factor).rounded(.toNearestOrEven) * factor
    if tall * wide > Double(pixels.upperBound) {
      let beta = (h * w / Double(pixels.upperBound)).squareRoot()
      tall = max(factor, (h / beta / factor).rounded(.down) * factor)
      wide = max(factor, (w / beta / factor).rounded(.down) * factor)
    } else if tall * wide < Double(pixels.lowerBound) {
      let beta = (Double(pixels.lowerBound) / (h * w)).squareRoot()
      tall = (h * beta / factor).rounded(.up) * factor
      wide = (w * beta / factor).rounded(.up) * factor
    }
    return (Int(tall), Int(wide))
  }

  /// `pixel_values` `[patches, 3 x frames x patch x patch]`, the patches of each square together, and
  /// `image_grid_thw` `[pictures, 3]`: 1, rows and columns of patches.
  public func tensors(
    _ pictures: [(name: String, pixels: PicturePixels)]
  ) -> [(name: String, tensor: StoredTensor)] {
    let all = pictures.map(\.pixels.tiles)
    let layout = FlattenedPatches(patchSize: patchSize, mergeSize: mergeSize, frames: frames)
    return [
      ("pixel_values", .joined(all.map { layout.flattened($0) })),
      (
        "image_grid_thw",
        StoredTensor(
          integers: all.flatMap { [1, $0.shape[2] / patchSize, $0.shape[3] / patchSize] },
          [all.count, 3])
      ),
    ]
  }
}

extension DynamicResolutionProcessor: Decodable {
  public init(from decoder: any Decoder) throws {
    base = try ImageProcessor(from: decoder)
    let keys = try PreprocessorKeys(decoder)
    patchSize = try keys.whole("patch_size", default: 14, most: 1024)
    mergeSize = try keys.whole("merge_size", default: 2, most: 64)
    frames = try keys.whole("temporal_patch_size", default: 2, most: 64)
    resizes = try keys.optional("do_resize") ?? true
    let most = 1 << 28
    // The sizes of other processors are lengths; here they are numbers of pixels.
    let low = try keys.whole("size", "shortest_edge", most: most) ?? 56 * 56
    let high = try keys.whole("size", "longest_edge", most: most) ?? 28 * 28 * 1280
    let lower = try keys.whole("min_pixels", default: low, most: most)
    let upper = try keys.whole("max_pixels", default: high, most: most)
    guard lower <= upper else {
      throw ConfigurationProblem(
        key: "min_pixels", problem: "\(lower) is more than the \(upper) of max_pixels")
    }
    pixels = lower...upper
  }
}
