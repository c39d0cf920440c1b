// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The sizes that a picture may be brought to before it is cut into tiles:
/// `image_grid_pinpoints`, as `[height, width]` in pixels.
public struct TileGrids: Sendable, Equatable {
  public let sizes: [[Int]]

  /// LLaVA-NeXT's own.
  public static let standard: [[Int]] = [
    [336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008],
  ]

  /// - Returns: nil unless every size is two numbers of 1 to 16384.
  public init?(_ sizes: [[Int]]) {
    guard !sizes.isEmpty, sizes.allSatisfy({ $0.count == 2 && $0.allSatisfy { 1...16_384 ~= $0 } })
    else { return nil }
    self.sizes = sizes
  }

  /// The size that keeps most of a picture's pixels and, among those, wastes least.
  ///
  /// Source: `select_best_resolution` of transformers' image_processing_utils.py.
  public func best(height: Int, width: Int) -> (height: Int, width: Int) {
    var best = (height: sizes[0][0], width: sizes[0][1])
    var (most, least) = (0, Int.max)
    for size in sizes {
      let scale = min(Double(size[1]) / Double(width), Double(size[0]) / Double(height))
      let scaled = Int(Double(width) * scale) * Int(Double(height) * scale)
      let effective = min(scaled, width * height)
      let wasted = size[0] * size[1] - effective
      if effective > most || effective == most && wasted < least {
        (most, least) = (effective, wasted)
        best = (size[0], size[1])
      }
    }
    return best
  }

  /// Rows and columns of tiles of a picture.
  public func grid(height: Int, width: Int, tile: Int) -> (rows: Int, columns: Int) {
    let best = best(height: height, width: width)
    return (best.height / tile, best.width / tile)
  }

  /// The size of a picture that just fits into another size.
  ///
  /// Source: `get_patch_output_size` of transformers' image_processing_utils.py.
  static func fitted(
    _ image: Image, into target: (height: Int, width: Int)
  ) -> (height: Int, width: Int) {
    let across = Double(target.width) / Double(image.width)
    let down = Double(target.height) / Double(image.height)
    if across < down {
      return (
        min(Int((Double(image.height) * across).rounded(.up)), target.height), target.width
      )
    }
    return (target.height, min(Int((Double(image.width) * down).rounded(.up)), target.width))
  }

  /// The part of a grid of features that is not padding.
  ///
  /// Source: `unpad_image` of transformers' modeling_llava_next.py.
  package static func unpadded(
    rows: Int, columns: Int, height: Int, width: Int
  ) -> (rows: Range<Int>, columns: Range<Int>) {
    func rounded(_ x: Double) -> Int { Int((x * 1e7).rounded(.toNearestOrEven) / 1e7) }
    if Double(width) / Double(height) > Double(columns) / Double(rows) {
      let kept = rounded(Double(height) * (Double(columns) / Double(width)))
      let padding = max(0, (rows - kept) / 2)
      return (padding..<rows - padding, 0..<columns)
    }
    let kept = rounded(Double(width) * (Double(rows) / Double(height)))
    let padding = max(0, (columns - kept) / 2)
    return (0..<rows, padding..<columns - padding)
  }
}
