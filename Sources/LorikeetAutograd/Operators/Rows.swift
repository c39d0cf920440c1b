// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

extension Tape {
  /// The rows of a table with the given indices, `[indices, width]`.
  public func embed(_ table: Parameter, _ indices: [Int]) -> Variable {
    let value = table.matrix.lookUp(indices)
    let variable = table.isTrainable ? table.variable : nil
    return output(value, from: [variable]) { g in
      guard let variable else { return }
      var gradient = Tensor(repeating: 0, variable.shape)
      for (row, index) in indices.enumerated() {
        Kernels.addRows(g.rows(row..<row + 1), into: &gradient, rows: index..<index + 1)
      }
      variable.accumulate(gradient)
    }
  }

  /// Rows of several variables one after the other.
  ///
  /// - Parameter pieces: variables of one width, each with the rows to take from it.
  public func joinRows(_ pieces: [(source: Variable, rows: Range<Int>)], width: Int) -> Variable {
    let value = Kernels.gatherRows(pieces.map { ($0.source.value, $0.rows) }, width: width)
    return output(value, from: pieces.map(\.source)) { g in
      var start = 0
      for piece in pieces where !piece.rows.isEmpty {
        let count = piece.rows.count
        piece.source.accumulate(g.rows(start..<start + count), rows: piece.rows)
        start += count
      }
    }
  }

  /// The rows with the given indices, in that order; an index may come more than once.
  public func selectRows(_ x: Variable, _ indices: [Int]) -> Variable {
    let input = x.value
    let value = Kernels.gatherRows(indices.map { (input, $0..<$0 + 1) }, width: input.width)
    return output(value, from: [x]) { g in
      var gradient = Tensor(repeating: 0, x.shape)
      for (row, index) in indices.enumerated() {
        Kernels.addRows(g.rows(row..<row + 1), into: &gradient, rows: index..<index + 1)
      }
      x.accumulate(gradient)
    }
  }

  /// M x for a constant matrix M `[outputs, rows]`: averages, interpolation.
  public func mixRows(_ x: Variable, by matrix: Tensor) -> Variable {
    output(Kernels.product(matrix, x.value), from: [x]) { g in
      x.accumulate(Kernels.product(matrix, g, transposeA: true))
    }
  }
}
