// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetLayers

/// The sizes that a picture may be brought to before it is cut into tiles:
/// `image_grid_pinpoints`, as `[height, width]` in pixels.
public struct TileGrids: Sendable, Equatable {
  public let sizes: [[Int]]

  /// - Throws: `DecodingError` unless every size is two positive numbers.
  public init(_ values: ConfigurationValues) throws {
    sizes = try values.value(
      "image_grid_pinpoints",
      default: [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]])
    guard !sizes.isEmpty, sizes.allSatisfy({ $0.count == 2 && $0.allSatisfy { 1...16_384 ~= $0 } })
    else {
      throw values.refusal("image_grid_pinpoints", "expected a list of [height, width]")
    }
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

  /// The part of a grid of features that is not padding.
  ///
  /// Source: `unpad_image` of transformers' modeling_llava_next.py.
  static func unpadded(
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
