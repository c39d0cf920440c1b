// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

extension Tape {
  /// y + scale b on some rows, y elsewhere. The memory of y is used again for the result.
  ///
  /// - Parameters:
  ///   - y: `[rows, width]`; bias: `[width]`.
  public func addRowBias(
    to y: Variable, bias: Variable, scale: Float, runs: [Range<Int>]
  ) -> Variable {
    var scaled = bias.value
    Kernels.scale(&scaled, by: scale)
    var value = y.takeValue()
    for run in runs where !run.isEmpty {
      var rows = value.rows(run)
      Kernels.addBias(scaled, to: &rows)
      Kernels.copyRows(rows, into: &value, at: run.lowerBound)
    }
    return output(value, from: [y, bias]) { g in
      if bias.requiresGradient {
        for run in runs where !run.isEmpty {
          var sum = Kernels.sumOfRows(g.rows(run))
          Kernels.scale(&sum, by: scale)
          bias.accumulate(sum)
        }
      }
      y.accumulate(g)
    }
  }
}
