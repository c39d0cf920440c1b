// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

extension Tape {
  /// Rotates every head by the angles of its row (Su et al., "RoFormer", 2021, eq. 34).
  ///
  /// The memory of x is used again for the result: x must not be read after this.
  ///
  /// - Parameter x: `[rows, heads x headWidth]`.
  public func rotate(_ x: Variable, by table: RotaryTable) -> Variable {
    var value = x.takeValue()
    Kernels.rotate(&value, by: table)
    return output(value, from: [x]) { g in
      // A rotation: the gradient turns back by the same angle.
      var g = g
      Kernels.rotate(&g, by: table, inverse: true)
      x.accumulate(g)
    }
  }
}
