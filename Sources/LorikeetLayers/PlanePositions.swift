// SPDX-License-Identifier: Apache-2.0

/// The second and third axis of rotary positions with three axes, of which the first is time (Wang et
/// al., "Qwen2-VL", 2024, section 2.1). All three are alike for words.
public struct PlanePositions: Sendable, Equatable {
  public var rows: [Int]
  public var columns: [Int]

  public init(rows: [Int] = [], columns: [Int] = []) {
    self.rows = rows
    self.columns = columns
  }

  /// Those of some runs, laid end to end.
  func of(_ runs: [Range<Int>]) -> PlanePositions {
    PlanePositions(rows: runs.flatMap { rows[$0] }, columns: runs.flatMap { columns[$0] })
  }
}
