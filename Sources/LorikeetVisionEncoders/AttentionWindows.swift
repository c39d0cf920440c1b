// SPDX-License-Identifier: Apache-2.0

/// Attention within square windows of patches in most blocks (Bai et al., "Qwen2.5-VL technical
/// report", 2025, section 2.1.1). Windows at the right and lower edges are smaller.
struct AttentionWindows {
  /// The side of a window, in patches.
  let side: Int
  /// Blocks whose attention goes over the whole picture.
  let wholeBlocks: Set<Int>

  /// Patches window by window.
  struct Order {
    /// For each row, the patch's place in reading order.
    var places: [Int] = []
    /// For each patch in reading order, its row.
    var inverse: [Int] = []
    /// Rows of each window.
    var lengths: [Int] = []
  }

  func order(grid: (rows: Int, columns: Int), images: Int) -> Order {
    var order = Order()
    let count = grid.rows * grid.columns
    for image in 0..<images {
      for top in stride(from: 0, to: grid.rows, by: side) {
        for left in stride(from: 0, to: grid.columns, by: side) {
          let start = order.places.count
          for row in top..<min(top + side, grid.rows) {
            for column in left..<min(left + side, grid.columns) {
              order.places.append(image * count + row * grid.columns + column)
            }
          }
          order.lengths.append(order.places.count - start)
        }
      }
    }
    order.inverse = Array(repeating: 0, count: order.places.count)
    for (row, place) in order.places.enumerated() { order.inverse[place] = row }
    return order
  }
}
