// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// The order in which Qwen2-VL's processor writes a picture: patches as rows, those of each square
/// that becomes one token together; in a row channels, frames, lines.
public struct FlattenedPatches: Sendable, Equatable {
  /// The side of a patch, in pixels.
  public var patchSize: Int
  /// The side of a square, in patches.
  public var mergeSize: Int
  public var frames: Int

  public init(patchSize: Int, mergeSize: Int, frames: Int) {
    self.patchSize = patchSize
    self.mergeSize = mergeSize
    self.frames = frames
  }

  /// Values of a patch.
  public var width: Int { 3 * frames * patchSize * patchSize }

  /// - Parameter pixels: `[1, 3, height, width]`, sides multiples of a square's.
  /// - Returns: `[patches, 3 x frames x patch x patch]`, all frames the same.
  func flattened(_ pixels: Tensor) -> Tensor {
    let (height, across) = (pixels.shape[2], pixels.shape[3])
    let grid = (rows: height / patchSize, columns: across / patchSize)
    var result = Tensor(repeating: 0, [grid.rows * grid.columns, width])
    let values = pixels.values
    each(grid) { place, channel, _, y, x in
      result[flat: place] = values[(channel * height + y) * across + x]
    }
    return result
  }

  /// The picture that rows of patches make, `[1, 3 x frames, height, width]`.
  ///
  /// - Parameter patches: `[rows x columns, 3 x frames x patch x patch]`.
  public func picture(_ patches: Tensor, grid: (rows: Int, columns: Int)) -> Tensor {
    let (height, across) = (grid.rows * patchSize, grid.columns * patchSize)
    var result = Tensor(repeating: 0, [1, 3 * frames, height, across])
    let values = patches.values
    each(grid) { place, channel, frame, y, x in
      result[flat: ((channel * frames + frame) * height + y) * across + x] = values[place]
    }
    return result
  }

  /// Goes through the values in their order: place, channel, frame, line and column of the picture.
  private func each(
    _ grid: (rows: Int, columns: Int), _ body: (Int, Int, Int, Int, Int) -> Void
  ) {
    var place = 0
    for row in 0..<grid.rows / mergeSize {
      for column in 0..<grid.columns / mergeSize {
        for part in 0..<mergeSize * mergeSize {
          let top = (row * mergeSize + part / mergeSize) * patchSize
          let left = (column * mergeSize + part % mergeSize) * patchSize
          for channel in 0..<3 {
            for frame in 0..<frames {
              for y in top..<top + patchSize {
                for x in left..<left + patchSize {
                  body(place, channel, frame, y, x)
                  place += 1
                }
              }
            }
          }
        }
      }
    }
  }
}
