// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

/// Rotary positions on two axes: half of the pairs of channels turn by a patch's row, half by its
/// column (Wang et al., "Qwen2-VL", 2024, section 2.1).
struct AxialRotary {
  let headWidth: Int
  let theta: Double

  /// The angles of patches.
  ///
  /// - Parameter places: where they stand in reading order, picture by picture.
  func table(grid: (rows: Int, columns: Int), places: [Int]) -> RotaryTable {
    let each = headWidth / 4
    let frequencies = (0..<each).map {
      Float(1 / pow(theta, Double(2 * $0) / Double(headWidth / 2)))
    }
    let count = grid.rows * grid.columns
    return RotaryTable(rows: places.count, pairs: 2 * each) { row, pair in
      let place = places[row] % count
      let position = pair < each ? place / grid.columns : place % grid.columns
      return Float(position) * frequencies[pair % each]
    }
  }
}
