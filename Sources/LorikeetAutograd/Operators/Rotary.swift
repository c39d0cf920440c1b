// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

extension Tape {
  /// Rotates every head by the angles of its row (Su et al., "RoFormer", 2021, eq. 34).
  ///
  /// The memory of x is used again for the result: x must not be read after this.
  ///
  /// - Parameters:
  ///   - x: `[rows, heads x headWidth]`.
  ///   - headWidth: where it is more than the table's, the channels of a head beyond stay as they are.
  public func rotate(_ x: Variable, by table: RotaryTable, headWidth: Int? = nil) -> Variable {
    let headWidth = headWidth ?? table.headWidth
    var value = x.takeValue()
    Kernels.rotate(&value, by: table, headWidth: headWidth)
    if wantsValuesOnly { return Variable(value) }
    return output(value, from: [x]) { g in
      // A rotation, scaled: the gradient turns back by the same angle.
      var g = g
      Kernels.rotate(&g, by: table, headWidth: headWidth, inverse: true)
      x.accumulate(g)
    }
  }
}
