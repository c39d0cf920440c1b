// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

extension Tape {
  /// Some columns of a matrix as rows: row i is column `indices[i]`.
  ///
  /// - Parameter table: `[width, count]`.
  /// - Returns: `[indices, width]`.
  public func embedColumns(_ table: Variable, _ indices: [Int]) -> Variable {
    let (width, count) = (table.shape[0], table.shape[1])
    let stored = table.value
    var value = Tensor(repeating: 0, [indices.count, width])
    for (row, index) in indices.enumerated() {
      for k in 0..<width { value[flat: row * width + k] = stored[flat: k * count + index] }
    }
    return output(value, from: [table]) { g in
      var gradient = Tensor(repeating: 0, table.shape)
      for (row, index) in indices.enumerated() {
        for k in 0..<width { gradient[flat: k * count + index] += g[flat: row * width + k] }
      }
      table.accumulate(gradient)
    }
  }

  /// y with rows of another variable in place of some of its own.
  ///
  /// - Parameter places: the rows of y that are replaced, and the rows of `source` that they become.
  public func replaceRows(
    of y: Variable, from source: Variable, _ places: [(row: Int, source: Int)]
  ) -> Variable {
    var value = y.value
    let rows = source.value
    for place in places {
      Kernels.copyRows(rows.rows(place.source..<place.source + 1), into: &value, at: place.row)
    }
    return output(value, from: [y, source]) { g in
      if source.requiresGradient {
        var gradient = Tensor(repeating: 0, source.shape)
        for place in places {
          Kernels.addRows(
            g.rows(place.row..<place.row + 1), into: &gradient,
            rows: place.source..<place.source + 1)
        }
        source.accumulate(gradient)
      }
      guard y.requiresGradient else { return }
      var rest = g
      let zero = Tensor(repeating: 0, [1, g.width])
      for place in places { Kernels.copyRows(zero, into: &rest, at: place.row) }
      y.accumulate(rest)
    }
  }
}
